// All groups: who is behind, by how much, and whether it gets better.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { groups } from "../../api/queries";
import type { GroupRow } from "../../api/types";
import { count, many } from "../../text/format";
import { listGroups } from "../../text/snippets";
import { Choice, Text } from "../../ui/controls";
import {
  Blank,
  Code,
  Failed,
  Loading,
  Pager,
  Pill,
  Scroll,
  SortHead,
  Sparkline,
  stateTone,
} from "../../ui/data";
import { PageHead } from "../../ui/page";
import css from "./groups.module.css";
import { trendOf, useTrends } from "./trends";

const route = getRouteApi("/groups");

const STATES = [
  ["", "Any state"],
  ["Stable", "Stable"],
  ["Empty", "Empty"],
  ["PreparingRebalance,CompletingRebalance", "Rebalancing"],
  ["Dead", "Dead"],
] as const;

function Row({ row, trend }: { row: GroupRow; trend: readonly string[] }) {
  const change = trendOf(trend);
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
        <Sparkline values={trend} label={`Lag of ${row.groupId} since this page was opened`} />
      </td>
      <td className="num">
        {count(row.lag)} <span aria-hidden="true">{change > 0 ? "↑" : change < 0 ? "↓" : ""}</span>
      </td>
    </tr>
  );
}

function Table() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const sort = search.sort ?? "groupId";
  const { data, error, refetch } = useQuery(
    groups({ q: search.q, state: search.state, sort, page: search.page ?? 0 }),
  );
  const trends = useTrends(data?.items);
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
      <Scroll>
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
                Lately
              </th>
              <SortHead field="lag" sort={sort} onSort={onSort} isNumber>
                Lag
              </SortHead>
            </tr>
          </thead>
          <tbody>
            {data.items.map((row) => (
              <Row key={row.groupId} row={row} trend={trends.get(row.groupId) ?? []} />
            ))}
          </tbody>
        </table>
      </Scroll>
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
