// All groups: who is behind, by how much, and whether it gets better.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { groups } from "../../api/queries";
import type { GroupRow } from "../../api/types";
import { useNow } from "../../shell/asof";
import { ago, count, duration, many } from "../../text/format";
import { compare } from "../../text/long";
import { listGroups } from "../../text/snippets";
import { Choice, Text } from "../../ui/controls";
import { Blank, Code, Failed, Loading, Pager, Pill, SortHead, Sparkline, stateTone } from "../../ui/data";
import { PageHead } from "../../ui/page";
import css from "./groups.module.css";
import { causeText } from "./words";

const route = getRouteApi("/groups");

const STATES = [
  ["", "Any state"],
  ["Stable", "Stable"],
  ["Empty", "Empty"],
  ["PreparingRebalance,CompletingRebalance", "Rebalancing"],
  ["Dead", "Dead"],
] as const;

/** Whether the lag grows or falls over the last points. */
function trend(row: GroupRow): string {
  const last = row.lagTrend.at(-1);
  const before = row.lagTrend.at(-6) ?? row.lagTrend[0];
  if (!last || !before || last === before) return "";
  const change = compare(last.lag, before.lag);
  return change > 0 ? "↑" : change < 0 ? "↓" : "";
}

function Row({ row, now }: { row: GroupRow; now: number }) {
  return (
    <tr>
      <td>
        <Link data-row="" className={css.name} to="/groups/$group" params={{ group: row.groupId }}>
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
      <td className={css.wide}>
        <Sparkline
          values={row.lagTrend.map((point) => point.lag)}
          label={`Lag of ${row.groupId} over the last hour`}
        />
      </td>
      <td className="num">
        {count(row.lag)} <span aria-hidden="true">{trend(row)}</span>
        <div className="tiny muted">
          {row.lagMs !== null && row.lag !== "0" ? duration(Number(row.lagMs)) : "\u00a0"}
        </div>
      </td>
      <td className={css.wide}>
        {row.lastRebalanceMs === null ? (
          <span className="muted">–</span>
        ) : (
          <span className="small">
            {ago(row.lastRebalanceMs, now)}
            <div className="tiny muted">{causeText(row.lastRebalanceCause)}</div>
          </span>
        )}
      </td>
    </tr>
  );
}

function Table() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const now = useNow();
  const sort = search.sort ?? "groupId";
  const { data, error, refetch } = useQuery(
    groups({ q: search.q, state: search.state, sort, page: search.page ?? 0 }),
  );
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.total === 0 && !search.q && !search.state) {
    return (
      <Blank icon="groups" title="No groups yet">
        <p>
          A group is a name that readers share. They divide the partitions among them, and the broker keeps
          how far they have read.
        </p>
        <div className={css.first}>
          <Code text={`ottla consume London --from start -g readers -b ${bootstrap}`} label="command" />
        </div>
      </Blank>
    );
  }
  if (data.total === 0) return <Blank icon="search" title="No group matches" />;
  const onSort = (next: string) =>
    void navigate({ search: (before) => ({ ...before, sort: next, page: undefined }) });
  return (
    <>
      <div className="scroll">
        <table>
          <thead>
            <tr>
              <SortHead field="groupId" sort={sort} onSort={onSort}>
                Group
              </SortHead>
              <SortHead field="state" sort={sort} onSort={onSort}>
                State
              </SortHead>
              <SortHead field="members" sort={sort} onSort={onSort} isNumber>
                Members
              </SortHead>
              <th scope="col" className={css.wide}>
                Last hour
              </th>
              <SortHead field="lag" sort={sort} onSort={onSort} isNumber>
                Lag
              </SortHead>
              <th scope="col" className={css.wide}>
                Last rebalance
              </th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((row) => (
              <Row key={row.groupId} row={row} now={now} />
            ))}
          </tbody>
        </table>
      </div>
      <Pager
        page={data.page}
        size={data.size}
        total={data.total}
        what={data.total === 1 ? "group" : "groups"}
        onPage={(page) => void navigate({ search: (before) => ({ ...before, page: page || undefined }) })}
      />
    </>
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
        <div className={css.tools}>
          <div className={css.search}>
            <Text
              label="Search groups"
              hideLabel
              isSearch
              placeholder="Search by name"
              value={search.q ?? ""}
              onChange={(q) =>
                void navigate({
                  search: (before) => ({ ...before, q: q || undefined, page: undefined }),
                  replace: true,
                })
              }
            />
          </div>
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
        </div>
        <Table />
      </section>
    </>
  );
}
