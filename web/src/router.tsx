// Every address of the console, with what may stand in its search. An address reproduces what it shows.

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from "@tanstack/react-router";
import * as search from "./search";
import { RouteFailed, RouteMissing } from "./shell/RouteStates";
import { Shell } from "./shell/Shell";
import { Loading } from "./ui/data";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: RouteMissing,
  // As of when: kept from page to page.
  validateSearch: (raw: search.Raw): { at?: string } => ({
    at: search.text(raw, "at")?.match(/^\d{1,15}$/)?.[0],
  }),
  search: { middlewares: [retainSearchParams(["at"])] },
});

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./screens/overview/Overview"), "Overview"),
});

const TOPIC_SORTS = ["name", "partitions", "sizeBytes", "records", "bytesIn", "replicationFactor"] as const;

const topics = createRoute({
  getParentRoute: () => root,
  path: "/topics",
  validateSearch: (raw: search.Raw) =>
    search.optional({
      q: search.text(raw, "q"),
      sort: search.sort(raw, TOPIC_SORTS),
      page: search.whole(raw, "page"),
      internal: search.flag(raw, "internal"),
      create: search.flag(raw, "create"),
    }),
  component: lazyRouteComponent(() => import("./screens/topics/Topics"), "Topics"),
});

const topic = createRoute({
  getParentRoute: () => root,
  path: "/topics/$topic",
  component: lazyRouteComponent(() => import("./screens/topic/Topic"), "Topic"),
});

const topicIndex = createRoute({
  getParentRoute: () => topic,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/topics/$topic/log", params, replace: true });
  },
});

const log = createRoute({
  getParentRoute: () => topic,
  path: "log",
  validateSearch: (raw: search.Raw) =>
    search.optional({
      axis: search.oneOf(raw, "axis", ["offset", "time", "bytes"] as const),
      table: search.flag(raw, "table"),
      learn: search.whole(raw, "learn"),
      segment: search.text(raw, "segment")?.match(/^\d+@\d+$/)?.[0],
    }),
  component: lazyRouteComponent(() => import("./screens/log/Log"), "Log"),
});

const records = createRoute({
  getParentRoute: () => topic,
  path: "records",
  validateSearch: (raw: search.Raw) =>
    search.optional({
      partitions: search.text(raw, "partitions")?.match(/^\d+(,\d+)*$/)?.[0],
      from: search.text(raw, "from"),
      direction: search.oneOf(raw, "direction", ["forward", "backward"] as const),
      q: search.text(raw, "q"),
      key: search.text(raw, "key"),
      header: search.text(raw, "header"),
      json: search.texts(raw, "json"),
      fields: search.texts(raw, "fields"),
      tombstones: search.flag(raw, "tombstones"),
      tail: search.flag(raw, "tail"),
      times: search.oneOf(raw, "times", ["local", "utc", "relative"] as const),
      view: search.text(raw, "view")?.match(/^\d+@\d+$/)?.[0],
      tab: search.oneOf(raw, "tab", ["value", "key", "headers", "bytes", "journey", "neighbours"] as const),
    }),
  component: lazyRouteComponent(() => import("./screens/records/Records"), "Records"),
});

const topicConfig = createRoute({
  getParentRoute: () => topic,
  path: "config",
  validateSearch: (raw: search.Raw) =>
    search.optional({ q: search.text(raw, "q"), all: search.flag(raw, "all") }),
  component: lazyRouteComponent(() => import("./screens/topic/Config"), "Config"),
});

const partitions = createRoute({
  getParentRoute: () => topic,
  path: "partitions",
  component: lazyRouteComponent(() => import("./screens/topic/Partitions"), "Partitions"),
});

const GROUP_SORTS = ["groupId", "state", "members", "lag", "lagMs", "topics"] as const;

const groups = createRoute({
  getParentRoute: () => root,
  path: "/groups",
  validateSearch: (raw: search.Raw) =>
    search.optional({
      q: search.text(raw, "q"),
      sort: search.sort(raw, GROUP_SORTS),
      page: search.whole(raw, "page"),
      state: search.text(raw, "state"),
    }),
  component: lazyRouteComponent(() => import("./screens/groups/Groups"), "Groups"),
});

const group = createRoute({
  getParentRoute: () => root,
  path: "/groups/$group",
  validateSearch: (raw: search.Raw) =>
    search.optional({
      span: search.oneOf(raw, "span", ["5m", "15m", "1h"] as const),
      seam: search.text(raw, "seam"),
      reset: search.flag(raw, "reset"),
    }),
  component: lazyRouteComponent(() => import("./screens/groups/Group"), "Group"),
});

const TRANSACTION_SORTS = ["transactionalId", "state", "ageMs", "partitions"] as const;

const transactions = createRoute({
  getParentRoute: () => root,
  path: "/transactions",
  validateSearch: (raw: search.Raw) =>
    search.optional({
      q: search.text(raw, "q"),
      sort: search.sort(raw, TRANSACTION_SORTS),
      page: search.whole(raw, "page"),
      state: search.text(raw, "state"),
      topic: search.text(raw, "topic"),
    }),
  component: lazyRouteComponent(() => import("./screens/transactions/Transactions"), "Transactions"),
});

const transaction = createRoute({
  getParentRoute: () => root,
  path: "/transactions/$id",
  component: lazyRouteComponent(() => import("./screens/transactions/Transaction"), "Transaction"),
});

const connect = createRoute({
  getParentRoute: () => root,
  path: "/connect",
  validateSearch: (raw: search.Raw) =>
    search.optional({ place: search.text(raw, "place"), as: search.text(raw, "as") }),
  component: lazyRouteComponent(() => import("./screens/connect/Connect"), "Connect"),
});

const brokers = createRoute({
  getParentRoute: () => root,
  path: "/brokers",
  validateSearch: (raw: search.Raw) =>
    search.optional({
      broker: search.whole(raw, "broker"),
      q: search.text(raw, "q"),
      all: search.flag(raw, "all"),
    }),
  component: lazyRouteComponent(() => import("./screens/brokers/Brokers"), "Brokers"),
});

const clients = createRoute({
  getParentRoute: () => root,
  path: "/clients",
  validateSearch: (raw: search.Raw) =>
    search.optional({ q: search.text(raw, "q"), page: search.whole(raw, "page") }),
  component: lazyRouteComponent(() => import("./screens/clients/Clients"), "Clients"),
});

const routeTree = root.addChildren([
  overview,
  topics,
  topic.addChildren([topicIndex, log, records, topicConfig, partitions]),
  groups,
  group,
  transactions,
  transaction,
  connect,
  brokers,
  clients,
]);

export const router = createRouter({
  routeTree,
  basepath: new URL(document.baseURI).pathname,
  parseSearch: search.parseSearch,
  stringifySearch: search.stringifySearch,
  defaultPreload: "intent",
  defaultPendingMs: 200,
  defaultPendingComponent: Loading,
  defaultErrorComponent: RouteFailed,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
