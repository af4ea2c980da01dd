// One group: how far it is, how it got there, and who reads what.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { has, path, send } from "../../api/client";
import { groupLanes, group as groupQuery, groupTimeline, queryClient, undos } from "../../api/queries";
import type { GroupDetail, GroupOffset, Member, TimelineEntry } from "../../api/types";
import { AbsentNote } from "../../shell/Absent";
import { useAt, useMayChange, useNow } from "../../shell/asof";
import { ChangeButton } from "../../shell/ChangeButton";
import { ago, clock, count, duration } from "../../text/format";
import { describeGroup } from "../../text/snippets";
import { Button, Text } from "../../ui/controls";
import { Banner, Blank, Failed, Loading, Pill, Scroll, Stat, Stats, stateTone, Tag } from "../../ui/data";
import { Icon } from "../../ui/icons";
import { list } from "../../ui/list";
import { Dialog, Menu } from "../../ui/overlay";
import { PageHead } from "../../ui/page";
import { say } from "../../ui/toasts";
import { useChange } from "../topic/actions";
import css from "./groups.module.css";
import { LagChart, type Span } from "./LagChart";
import { Reset } from "./Reset";
import { Swim } from "./Swim";
import { undoReset } from "./undo";

const route = getRouteApi("/groups/$group");
const SPAN_MS = { "5m": 300_000, "15m": 900_000, "1h": 3_600_000 } as const;

function Offsets({ offsets, members }: { offsets: GroupOffset[]; members: Member[] }) {
  const names = new Map(members.map((member) => [member.memberId, member.clientId || member.memberId]));
  if (offsets.length === 0) {
    return (
      <Blank icon="topics" title="Nothing committed yet">
        <p>A group’s position in a partition is known once a member has committed it.</p>
      </Blank>
    );
  }
  return (
    <Scroll>
      <table aria-label="Positions">
        <thead>
          <tr>
            <th scope="col">Partition</th>
            <th scope="col" className="num">
              Committed
            </th>
            <th scope="col" className="num">
              High watermark
            </th>
            <th scope="col" className="num">
              Lag
            </th>
            <th scope="col" className="num">
              In time
            </th>
            <th scope="col">Read by</th>
          </tr>
        </thead>
        <tbody>
          {offsets.map((one) => (
            <tr key={`${one.topic}/${one.partition}`}>
              <td>
                <Link data-row="" className={list.name} to="/topics/$topic/log" params={{ topic: one.topic }}>
                  {one.topic}
                </Link>
                <span className="mono muted">{`/${one.partition}`}</span>
              </td>
              <td className="num">{count(one.committedOffset)}</td>
              <td className="num">{count(one.highWatermark)}</td>
              <td className={one.lag === null || one.lag === "0" ? "num" : `num ${css.lagging}`}>
                {count(one.lag)}
              </td>
              <td className="num">
                {one.lagMs === null || one.lag === "0" ? "–" : duration(Number(one.lagMs))}
              </td>
              <td className="small">
                {one.memberId === null ? (
                  <span className="muted">nobody</span>
                ) : (
                  (names.get(one.memberId) ?? one.memberId)
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Members({ members }: { members: Member[] }) {
  if (members.length === 0) {
    return (
      <Blank icon="clients" title="No members now">
        <p>The group keeps its positions until its readers come back.</p>
      </Blank>
    );
  }
  return (
    <Scroll>
      <table aria-label="Members">
        <thead>
          <tr>
            <th scope="col">Member</th>
            <th scope="col">From</th>
            <th scope="col">Reads</th>
          </tr>
        </thead>
        <tbody>
          {members.map((member) => (
            <tr key={member.memberId}>
              <td>
                <span className="row">
                  <strong className="small">{member.clientId || "(no client id)"}</strong>
                  {member.isLeader ? <Tag>leader</Tag> : null}
                  {member.groupInstanceId ? <Tag>{`static: ${member.groupInstanceId}`}</Tag> : null}
                </span>
                <div className="mono tiny muted wrap">{member.memberId}</div>
              </td>
              <td className="small">{member.clientHost}</td>
              <td className="mono">
                {member.assignment.every((one) => one.partitions.length === 0) ? (
                  <span className="muted">nothing: idle</span>
                ) : (
                  member.assignment.map((one) => `${one.topic} ${one.partitions.join(" ")}`).join(", ")
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function History({ entries }: { entries: readonly TimelineEntry[] }) {
  const latest = entries
    .filter((entry) => entry.kind !== "commit")
    .toReversed()
    .slice(0, 20);
  if (latest.length === 0) return null;
  return (
    <section className="card" aria-labelledby="history">
      <div className={css.cardHead}>
        <h2 id="history">What happened</h2>
      </div>
      <ol className={css.log}>
        {latest.map((entry) => (
          <li key={entry.seq}>
            <span className="mono tiny muted">{clock(entry.timeMs)}</span>
            <span>{entry.text}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function DeleteGroup({
  group,
  onClose,
  onDone,
}: {
  group: GroupDetail;
  onClose: () => void;
  onDone: () => void;
}) {
  const id = group.groupId;
  const [typed, setTyped] = useState("");
  const { isBusy, problem, run } = useChange(async () => {
    await send("DELETE", path`/groups/${id}`);
    onDone();
    await queryClient.invalidateQueries({ queryKey: ["groups"] });
    say(`${id} is deleted.`);
  });
  return (
    <Dialog
      title={`Delete ${id}`}
      isOpen
      onClose={onClose}
      foot={
        <>
          <Button onPress={onClose}>Cancel</Button>
          <Button look="danger" isDisabled={isBusy || typed !== id} onPress={run}>
            Delete the group
          </Button>
        </>
      }
    >
      <p className="small">Its positions go. Readers that come back begin where auto.offset.reset says.</p>
      <Text label={`Type ${id} to go on`} value={typed} onChange={setTyped} error={problem} autoFocus mono />
    </Dialog>
  );
}

function Undo({ id }: { id: string }) {
  const { data } = useQuery(undos(id));
  const now = useNow();
  const last = data?.items[0];
  if (!last) return null;
  return (
    <Banner>
      <span className="row">
        <span className="grow">{`Positions were reset ${ago(last.madeMs, now)}.`}</span>
        <Button small onPress={() => void undoReset(id, last.id)}>
          <Icon name="undo" size={14} /> Undo the reset
        </Button>
      </span>
    </Banner>
  );
}

export function Group() {
  const { group: id } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const leave = useNavigate();
  const at = useAt();
  const now = useNow();
  const bootstrap = useBootstrap();
  const mayChange = useMayChange();
  const [isDeleting, setDeleting] = useState(false);
  const { data, error, refetch } = useQuery(groupQuery(id, at));
  const timeline = useQuery({ ...groupTimeline(id), enabled: has("/groups/{group}/timeline") });
  const span: Span = search.span ?? "15m";
  const moment = at ? Number(at) : now;
  // Asked for from whole minutes on, so that a live page keeps asking the same.
  const since = String(Math.floor((moment - SPAN_MS[span]) / 60_000) * 60_000);
  const lanes = useQuery({ ...groupLanes(id, since, at), enabled: has("/groups/{group}/lanes") });
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  const change = (more: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace: true, resetScroll: false });
  const ages = data.offsets.flatMap((one) => (one.lagMs === null ? [] : [Number(one.lagMs)]));
  const oldest = ages.length > 0 ? Math.max(...ages) : null;
  const entries = (timeline.data?.entries ?? []).filter((entry) => Number(entry.timeMs) <= moment);
  return (
    <>
      <PageHead
        title={id}
        crumbs={[{ text: "Groups", to: "/groups" }]}
        beside={<Pill tone={stateTone(data.state)}>{data.state}</Pill>}
        snippets={describeGroup(bootstrap, id)}
        actions={
          <>
            <ChangeButton onPress={() => change({ reset: true })}>Reset…</ChangeButton>
            {mayChange ? (
              <Menu
                label="More actions"
                actions={[
                  { id: "delete", text: "Delete the group…", isDanger: true, run: () => setDeleting(true) },
                ]}
              />
            ) : null}
          </>
        }
      />
      {mayChange ? <Undo id={id} /> : null}
      <section className="card pad" aria-label="At a glance">
        <Stats>
          <Stat name="Lag">{count(data.lag)}</Stat>
          <Stat name="In time">{data.lag === "0" ? "none" : oldest === null ? "–" : duration(oldest)}</Stat>
          <Stat name="Members">{data.membersNotTold ? "–" : count(data.members.length)}</Stat>
          {data.generationId === null ? null : <Stat name="Generation">{count(data.generationId)}</Stat>}
          <Stat name="Assignor">{data.protocol || "–"}</Stat>
          {data.stateSinceMs === null ? null : (
            <Stat name="In this state for">{duration(Math.max(0, moment - Number(data.stateSinceMs)))}</Stat>
          )}
        </Stats>
      </section>
      {has("/groups/{group}/lag") ? (
        <LagChart
          group={id}
          span={span}
          onSpan={(next) => change({ span: next })}
          entries={entries}
          now={moment}
        />
      ) : (
        <AbsentNote what="Its lag over time and its rebalances are not here." />
      )}
      {lanes.data ? (
        <Swim
          lanes={lanes.data}
          from={Math.max(Number(lanes.data.sinceMs), moment - SPAN_MS[span])}
          now={at ? moment : Number(lanes.data.untilMs)}
          seam={search.seam}
          onSeam={(seam) => change({ seam })}
        />
      ) : null}
      <section className="card" aria-label="Positions">
        <Offsets offsets={data.offsets} members={data.members} />
      </section>
      <section className="card" aria-label="Members">
        {data.membersNotTold ? (
          <p className="pad small muted">{data.membersNotTold}</p>
        ) : (
          <Members members={data.members} />
        )}
      </section>
      {has("/groups/{group}/timeline") ? <History entries={entries} /> : null}
      {search.reset && mayChange ? <Reset group={data} onClose={() => change({ reset: undefined })} /> : null}
      {isDeleting ? (
        <DeleteGroup
          group={data}
          onClose={() => setDeleting(false)}
          onDone={() => {
            setDeleting(false);
            void leave({ to: "/groups" });
          }}
        />
      ) : null}
    </>
  );
}
