// All groups: who is behind, by how much, and whether it gets better.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { groups } from "../../api/queries";
import type { GroupRow } from "../../api/types";
import { useAt } from "../../shell/asof";
import { count, duration, many } from "../../text/format";
import { listGroups } from "../../text/snippets";
import { Choice } from "../../ui/controls";
import { Blank, Code, Failed, Loading, Pill, SortHead, Sparkline, stateTone } from "../../ui/data";
import { ListSearch, ListTable, ListTools, list } from "../../ui/list";
import { PageHead } from "../../ui/page";
import css from "./groups.module.css";

const route = getRouteApi("/groups");

const STATES = [
  ["", "Any state"],
  ["Stable", "Stable"],
  ["Empty", "Empty"],
  ["PreparingRebalance,CompletingRebalance", "Rebalancing"],
  ["Dead", "Dead"],
] as const;

const TRENDS: { [trend: string]: [string, string] } = {
  rising: ["↑", "growing for five minutes"],
  falling: ["↓", "shrinking for five minutes"],
  steady: ["→", "as five minutes ago"],
};

function Row({ row }: { row: GroupRow }) {
  const [arrow, told] = TRENDS[row.trend ?? ""] ?? ["", ""];
  return (
    <tr>
      <td>
        <Link data-row="" className={list.name} to="/groups/$group" params={{ group: row.groupId }}>
          {row.groupId}
        </Link>
        <div className="tiny muted">
          {row.topics.slice(0, 3).join(", ")}
          {row.topicCount > 3 ? ` and ${many(row.topicCount - 3, "more", "more")}` : ""}
        </div>
      </td>
      <td>
        <Pill tone={stateTone(row.state)}>{row.state}</Pill>
      </td>
      <td className="num">{row.members}</td>
      <td className={list.wide}>
        <Sparkline values={row.lagHistory} label={`Lag of ${row.groupId} over the last hour`} />
      </td>
      <td className="num">
        {count(row.lag)}{" "}
        {arrow ? (
          <span className={css.trend} data-trend={row.trend} title={told} role="img" aria-label={told}>
            {arrow}
          </span>
        ) : null}
      </td>
      <td className={row.lagMs === null || row.lagMs === "0" ? "num" : `num ${css.lagging}`}>
        {row.lagMs === null
          ? "–"
          : row.lagMs === "0"
            ? "none"
            : `${row.lagMsAtLeast ? "> " : ""}${duration(Number(row.lagMs))}`}
      </td>
    </tr>
  );
}

function Table() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const at = useAt();
  const sort = search.sort ?? "groupId";
  const { data, error, refetch } = useQuery(
    groups({ q: search.q, state: search.state, sort, page: search.page ?? 0, at }),
  );
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.total === 0 && !search.q && !search.state) {
    return (
      <Blank icon="groups" title={at ? "No groups then" : "No groups yet"}>
        <p>
          A group is a name that readers share. They divide the partitions among them, and the broker keeps
          how far they have read.
        </p>
        <div className={list.first}>
          <Code text={`ottla consume London --from start -g readers -b ${bootstrap}`} label="command" />
        </div>
      </Blank>
    );
  }
  if (data.total === 0) return <Blank icon="search" title="No group matches" />;
  const onSort = (next: string) =>
    void navigate({ search: (before) => ({ ...before, sort: next, page: undefined }) });
  return (
    <ListTable
      label="Groups"
      data={data}
      what={["group", "groups"]}
      onPage={(page) => void navigate({ search: (before) => ({ ...before, page }) })}
      head={
        <>
          <SortHead field="groupId" sort={sort} onSort={onSort}>
            Group
          </SortHead>
          <SortHead field="state" sort={sort} onSort={onSort}>
            State
          </SortHead>
          <SortHead field="members" sort={sort} onSort={onSort} isNumber>
            Members
          </SortHead>
          <th scope="col" className={list.wide}>
            Last hour
          </th>
          <SortHead field="lag" sort={sort} onSort={onSort} isNumber>
            Lag
          </SortHead>
          <SortHead field="lagMs" sort={sort} onSort={onSort} isNumber>
            In time
          </SortHead>
        </>
      }
    >
      {data.items.map((row) => (
        <Row key={row.groupId} row={row} />
      ))}
    </ListTable>
  );
}

export function Groups() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  return (
    <>
      <PageHead title="Groups" snippets={listGroups(bootstrap)} />
      <section className="card" aria-label="Groups">
        <ListTools>
          <ListSearch
            label="Search groups"
            placeholder="Search by name"
            value={search.q}
            onChange={(q) =>
              void navigate({
                search: (before) => ({ ...before, q, page: undefined }),
                replace: true,
              })
            }
          />
          <Choice
            label="State"
            hideLabel
            value={(search.state ?? "") as (typeof STATES)[number][0]}
            onChange={(state) =>
              void navigate({
                search: (before) => ({ ...before, state: state || undefined, page: undefined }),
              })
            }
            options={STATES}
          />
        </ListTools>
        <Table />
      </section>
    </>
  );
}
