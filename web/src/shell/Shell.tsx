// The frame around every page: where one can go, the search for everything, and the time bar.

import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { has, isMissingRoute } from "../api/client";
import { overview, session, signOut } from "../api/queries";
import type { Session } from "../api/types";
import { Button, Choice } from "../ui/controls";
import { Banner, Failed, Loading } from "../ui/data";
import { Icon, type IconName, Mark } from "../ui/icons";
import { Toasts } from "../ui/toasts";
import { Help } from "./Help";
import { moveAmongRows, useKeys } from "./keys";
import { Login } from "./Login";
import { Palette } from "./Palette";
import css from "./shell.module.css";
import { TimeBar } from "./TimeBar";
import { nextTheme, setTheme, useTheme } from "./theme";

const ALL_PLACES: { to: string; text: string; icon: IconName; key: string }[] = [
  { to: "/", text: "Overview", icon: "overview", key: "g o" },
  { to: "/topics", text: "Topics", icon: "topics", key: "g t" },
  { to: "/groups", text: "Groups", icon: "groups", key: "g g" },
  { to: "/transactions", text: "Transactions", icon: "transactions", key: "g x" },
  { to: "/connect", text: "Connect", icon: "connect", key: "g c" },
  { to: "/brokers", text: "Brokers", icon: "brokers", key: "g b" },
  { to: "/clients", text: "Clients", icon: "clients", key: "g l" },
];

const places = () => ALL_PLACES.filter((place) => place.to === "/" || has(place.to));

const THEME_NAMES = { auto: "System theme", light: "Light theme", dark: "Dark theme" } as const;
const THEME_ICONS = { auto: "auto", light: "sun", dark: "moon" } as const;

function ThemeButton() {
  const theme = useTheme();
  return (
    <Button
      look="ghost"
      icon
      aria-label={`${THEME_NAMES[theme]}: change`}
      onPress={() => setTheme(nextTheme(theme))}
    >
      <Icon name={THEME_ICONS[theme]} />
    </Button>
  );
}

/** Which cluster this is, where the console has a name for it, and the way to the others. */
function Cluster({ session }: { session: Session }) {
  const { cluster, clusters } = session;
  if (cluster === null) return null;
  if (clusters.length < 2) return <span className={`small clip ${css.cluster}`}>{cluster}</span>;
  return (
    <div className={css.cluster}>
      <Choice
        label="Cluster"
        hideLabel
        value={session.basePath}
        options={clusters.map(({ path, name }) => [path, name] as const)}
        onChange={(path) => location.assign(`${path}/`)}
      />
    </div>
  );
}

function Side({ openPalette, openHelp }: { openPalette: () => void; openHelp: () => void }) {
  const { data } = useQuery(session());
  return (
    <nav className={css.side} aria-label="Main">
      <Link to="/" className={css.brand}>
        <Mark /> Ottla
      </Link>
      {data ? <Cluster session={data} /> : null}
      <button type="button" className={css.find} onClick={openPalette}>
        <Icon name="search" size={14} /> Go to… <kbd>Ctrl K</kbd>
      </button>
      {places().map((place) => (
        <Link key={place.to} to={place.to} data-nav="" activeOptions={{ exact: place.to === "/" }}>
          <Icon name={place.icon} /> {place.text}
        </Link>
      ))}
      <div className={css.sideFoot}>
        <div className="row">
          <ThemeButton />
          <Button look="ghost" icon aria-label="Keyboard and help" onPress={openHelp}>
            <Icon name="help" />
          </Button>
        </div>
        {data?.user ? (
          <div className="row">
            <span className="small clip grow">{data.user}</span>
            <Button small look="ghost" onPress={() => void signOut()}>
              Sign out
            </Button>
          </div>
        ) : null}
        {data?.readOnlyBecause ? (
          <span className="tiny muted">
            <Icon name="lock" size={12} /> {data.readOnlyBecause}
          </span>
        ) : null}
        <span className="tiny muted">{data ? `ottla ${data.version}` : "\u00a0"}</span>
      </div>
    </nav>
  );
}

/** Tells once, above every page, what keeps the broker from serving. */
function Troubles() {
  const { data, error } = useQuery(overview());
  if (error && !isMissingRoute(error))
    return <Banner kind="bad">The broker does not answer. What you see may be old.</Banner>;
  if (data?.notReady) return <Banner kind="warn">{data.notReady}</Banner>;
  const offline = data?.counts.offlinePartitions ?? 0;
  if (offline > 0) return <Banner kind="bad">{`${offline} partitions are offline.`}</Banner>;
  return null;
}

export function Shell() {
  const { data, error } = useQuery(session());
  const [open, setOpen] = useState<"palette" | "help" | null>(null);
  const navigate = useNavigate();
  const main = useRef<HTMLElement>(null);
  const pathname = useRouterState({ select: (state) => state.location.pathname });

  useKeys({
    "mod+k": () => setOpen("palette"),
    "?": () => setOpen("help"),
    "/": () => document.querySelector<HTMLElement>("[data-search]")?.focus(),
    j: () => moveAmongRows(1),
    k: () => moveAmongRows(-1),
    ...Object.fromEntries(places().map((place) => [place.key, () => void navigate({ to: place.to })])),
  });

  useEffect(() => {
    const names = pathname.split("/").filter(Boolean).map(decodeURIComponent);
    document.title = names.length === 0 ? "Ottla" : `${names.slice(0, 3).reverse().join(" · ")} – Ottla`;
  }, [pathname]);

  // Nothing is asked before it is known who asks.
  if (!data && !error) return <Loading />;
  if (data?.loginRequired && data.user === null) return <Login />;
  return (
    <div className={css.frame}>
      <button type="button" className={css.skip} onClick={() => main.current?.focus()}>
        Skip to the page
      </button>
      <Side openPalette={() => setOpen("palette")} openHelp={() => setOpen("help")} />
      <div className={css.main}>
        <main className={css.content} id="content" ref={main} tabIndex={-1}>
          <div className={css.narrowOnly}>
            <Mark size={22} />
            <strong className="grow">Ottla</strong>
            <ThemeButton />
            <Button look="ghost" icon aria-label="Go to…" onPress={() => setOpen("palette")}>
              <Icon name="search" />
            </Button>
          </div>
          <Troubles />
          {error && !data && !isMissingRoute(error) ? <Failed error={error} /> : <Outlet />}
        </main>
        {has("/timeline") ? <TimeBar /> : null}
      </div>
      <Toasts />
      {open === "palette" ? <Palette onClose={() => setOpen(null)} /> : null}
      {open === "help" ? <Help onClose={() => setOpen(null)} places={places()} /> : null}
    </div>
  );
}
