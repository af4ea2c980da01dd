// One transactional id: what its transaction has open, and everything that happened to it.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { has } from "../../api/client";
import { transaction } from "../../api/queries";
import type { Event, TransactionDetail } from "../../api/types";
import { AbsentPage } from "../../shell/Absent";
import { useAt } from "../../shell/asof";
import { ChangeButton } from "../../shell/ChangeButton";
import { clock, count, duration } from "../../text/format";
import { describeTransaction } from "../../text/snippets";
import { Blank, Failed, Loading, Meter, Pill, Scroll, Stat, Stats, Tag } from "../../ui/data";
import { list } from "../../ui/list";
import { PageHead } from "../../ui/page";
import { AbortOpen } from "./Abort";
import css from "./transactions.module.css";
import { CAUSES, eventShape, stateText, stateTone } from "./words";

const route = getRouteApi("/transactions/$id");

function Places({ detail }: { detail: TransactionDetail }) {
  if (detail.partitionCount === 0) {
    return (
      <Blank icon="transactions" title="No transaction is open">
        <p>Partitions are listed here while a transaction holds them.</p>
      </Blank>
    );
  }
  const known = new Map(detail.places.map((one) => [`${one.topic}/${one.partition}`, one]));
  return (
    <Scroll>
      <table aria-label="Partitions">
        <thead>
          <tr>
            <th scope="col">Partition</th>
            <th scope="col" className="num">
              First offset
            </th>
            <th scope="col" className="num">
              Last stable
            </th>
            <th scope="col" className="num">
              High watermark
            </th>
            <th scope="col">Readers of committed records</th>
          </tr>
        </thead>
        <tbody>
          {detail.partitions.map((one) => {
            const place = known.get(`${one.topic}/${one.partition}`);
            return (
              <tr key={`${one.topic}/${one.partition}`}>
                <td>
                  <Link
                    data-row=""
                    className={list.name}
                    to="/topics/$topic/log"
                    params={{ topic: one.topic }}
                  >
                    {one.topic}
                  </Link>
                  <span className="mono muted">{`/${one.partition}`}</span>
                </td>
                <td className="num">{count(place?.firstOffset)}</td>
                <td className="num">{count(place?.lastStableOffset)}</td>
                <td className="num">{count(place?.highWatermark)}</td>
                <td className="small">
                  {place === undefined ? (
                    <span className="muted">nothing written yet</span>
                  ) : place.isFirst ? (
                    <Pill tone="warn">wait for this one</Pill>
                  ) : (
                    <span className="muted">wait for another first</span>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

/** One transaction of the id, from its beginning to its end. */
interface Run {
  from: number;
  to: number | null;
  end: "commit" | "abort" | null;
  cause: string | undefined;
  events: Event[];
}

function runsOf(events: readonly Event[]): Run[] {
  const runs: Run[] = [];
  for (const event of events) {
    const last = runs.at(-1);
    if (event.kind === "transaction.begun") {
      runs.push({ from: Number(event.timeMs), to: null, end: null, cause: undefined, events: [event] });
    } else if (last && last.to === null) {
      last.events.push(event);
      if (event.detail.cause) last.cause = event.detail.cause;
      if (event.kind === "transaction.completed") {
        last.to = Number(event.timeMs);
        last.end = event.detail.result === "abort" ? "abort" : "commit";
      }
    }
  }
  return runs;
}

/** The last transactions as bars on one line of time. */
function Bars({ runs, now, timeoutMs }: { runs: Run[]; now: number; timeoutMs: number }) {
  const shown = runs.slice(-60);
  const first = shown[0];
  if (!first) return null;
  const from = first.from;
  const span = Math.max(1000, now - from);
  const share = (at: number) => `${((at - from) / span) * 100}%`;
  return (
    <figure className={css.bars}>
      <div className={css.barLane}>
        {shown.map((run) => (
          <span
            key={run.from}
            className={css.bar}
            data-end={run.end ?? "open"}
            title={`${clock(run.from)}, ${duration((run.to ?? now) - run.from)}`}
            style={{ left: share(run.from), width: share(from + ((run.to ?? now) - run.from)) }}
          />
        ))}
      </div>
      <figcaption className="tiny muted">
        <span>{clock(from, false)}</span>
        <span className={css.barKeys}>
          <i data-end="commit" /> committed <i data-end="abort" /> aborted <i data-end="open" />
          {` open, at most ${duration(timeoutMs)}`}
        </span>
        <span>{clock(now, false)}</span>
      </figcaption>
    </figure>
  );
}

function Line({ event, began }: { event: Event; began: number | undefined }) {
  const shape = eventShape(event.kind, event.detail.result);
  const after = began === undefined ? null : Number(event.timeMs) - began;
  return (
    <li data-shape={shape}>
      <span className="mono tiny muted">{clock(event.timeMs)}</span>
      <span className="grow">
        {event.text}
        {event.detail.epochBefore ? (
          <>
            {" "}
            <Tag>{`epoch ${event.detail.epochBefore} → ${event.detail.producerEpoch}`}</Tag>
          </>
        ) : null}
      </span>
      <span className="mono tiny muted">{after === null || after === 0 ? "" : `+${duration(after)}`}</span>
    </li>
  );
}

function Story({ detail }: { detail: TransactionDetail }) {
  const { events } = detail;
  if (detail.eventsNotTold) {
    return (
      <Blank icon="help" title="What happened is not known">
        <p>{detail.eventsNotTold}</p>
      </Blank>
    );
  }
  if (events.length === 0) {
    return (
      <Blank icon="transactions" title="The journal has nothing of it">
        <p>It has not moved since the broker was started, or that was too long ago.</p>
      </Blank>
    );
  }
  let began: number | undefined;
  const lines = events.map((event) => {
    if (event.kind === "transaction.begun") began = Number(event.timeMs);
    const line = { event, began };
    if (event.kind === "transaction.completed") began = undefined;
    return line;
  });
  return (
    <ol className={css.story}>
      {lines
        .toReversed()
        .slice(0, 200)
        .map((line) => (
          <Line key={line.event.seq} {...line} />
        ))}
    </ol>
  );
}

export function Transaction() {
  return has("/transactions/{id}") ? <One /> : <AbsentPage title="Transactions" />;
}

function One() {
  const { id } = route.useParams();
  const at = useAt();
  const bootstrap = useBootstrap();
  const [isAborting, setAborting] = useState(false);
  const { data, error, refetch } = useQuery(transaction(id, at));
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  const runs = runsOf(data.events);
  const ended = runs.filter((run) => run.end !== null);
  const aborted = ended.filter((run) => run.end === "abort");
  const lastCause = ended.at(-1)?.cause;
  const age = data.ageMs === null ? null : Number(data.ageMs);
  return (
    <>
      <PageHead
        title={id}
        crumbs={[{ text: "Transactions", to: "/transactions" }]}
        beside={<Pill tone={stateTone(data)}>{stateText(data)}</Pill>}
        snippets={describeTransaction(bootstrap, id)}
        actions={
          data.state === "Ongoing" ? (
            <ChangeButton look="danger" onPress={() => setAborting(true)}>
              Abort…
            </ChangeButton>
          ) : null
        }
      />
      <section className="card pad" aria-label="At a glance">
        <Stats>
          <Stat name="Producer">{data.producerId}</Stat>
          <Stat name="Epoch">{data.producerEpoch}</Stat>
          <Stat name="Open for">{age === null ? "–" : duration(age)}</Stat>
          <Stat name="Timeout">{duration(data.timeoutMs)}</Stat>
          <Stat name="Partitions">{count(data.partitionCount)}</Stat>
          <Stat name="Coordinator">{data.coordinator}</Stat>
          <Stat name="Last end">{lastCause ? (CAUSES[lastCause] ?? lastCause) : "–"}</Stat>
        </Stats>
        {age === null ? null : (
          <div className={css.timeout}>
            <Meter
              part={age}
              whole={data.timeoutMs}
              label={`${duration(age)} of ${duration(data.timeoutMs)}`}
              warnsHigh
            />
          </div>
        )}
      </section>
      <section className="card" aria-label="What it holds">
        <div className={css.cardHead}>
          <h2>What it holds</h2>
        </div>
        <Places detail={data} />
      </section>
      <section className="card" aria-label="What happened">
        <div className={css.cardHead}>
          <h2>What happened</h2>
          {ended.length > 0 ? (
            <span className="small muted">{`${count(ended.length)} ended, ${count(aborted.length)} of them aborted`}</span>
          ) : null}
        </div>
        <Bars runs={runs} now={Number(data.nowMs)} timeoutMs={data.timeoutMs} />
        <Story detail={data} />
      </section>
      {isAborting ? <AbortOpen detail={data} onClose={() => setAborting(false)} /> : null}
    </>
  );
}
