// Who owned what when: a lane for each member, a seam for each rebalance, and the story behind a seam.

import type { Assignment, TimelineEntry } from "../../api/types";
import { clock, duration, many } from "../../text/format";
import { Button } from "../../ui/controls";
import { Blank } from "../../ui/data";
import css from "./groups.module.css";
import { advice, causeText } from "./words";

export interface Stay {
  memberId: string;
  clientId: string;
  from: number;
  to: number;
  topics: Assignment["topics"];
}

/** From one rebalance to the next, each member kept what it was given. */
export function stays(entries: readonly TimelineEntry[], until: number): Stay[] {
  const given = entries
    .filter((entry) => entry.assignment !== null)
    .toSorted((a, b) => Number(a.timeMs) - Number(b.timeMs));
  const ends = entries
    .filter((entry) => entry.kind === "rebalance.began" || (entry.kind === "state" && entry.to === "Empty"))
    .map((entry) => Number(entry.timeMs));
  return given.flatMap((entry, at) => {
    const from = Number(entry.timeMs);
    const next = Number(given[at + 1]?.timeMs ?? until);
    const to = Math.min(next, ends.find((end) => end > from) ?? until);
    return (entry.assignment ?? []).map(({ memberId, clientId, topics }) => ({
      memberId,
      clientId,
      from,
      to,
      topics,
    }));
  });
}

function partitions(topics: Assignment["topics"]): string {
  return topics.map(({ topic, partitions: of }) => `${topic} ${of.join(" ")}`).join(", ");
}

function owned(topics: Assignment["topics"]): Set<string> {
  return new Set(topics.flatMap(({ topic, partitions: of }) => of.map((one) => `${topic}/${one}`)));
}

/** What came to a member and what went from it. */
export function changes(
  before: Assignment[] | null,
  after: Assignment[],
): { name: string; got: string[]; lost: string[] }[] {
  return after.map((member) => {
    const had = owned(before?.find((one) => one.memberId === member.memberId)?.topics ?? []);
    const has = owned(member.topics);
    return {
      name: member.clientId || member.memberId,
      got: [...has].filter((one) => !had.has(one)),
      lost: [...had].filter((one) => !has.has(one)),
    };
  });
}

function Story({ entry, before }: { entry: TimelineEntry; before: Assignment[] | null }) {
  const told = advice(entry.cause);
  const idle =
    entry.assignment?.filter((one) => one.topics.every((topic) => topic.partitions.length === 0)) ?? [];
  return (
    <div className={css.story} aria-live="polite">
      <h3>{`${clock(entry.timeMs)}: ${causeText(entry.cause)}`}</h3>
      <p>{entry.text}</p>
      {entry.durationMs === null ? null : (
        <p className="small">{`Nobody read for ${duration(entry.durationMs)}.`}</p>
      )}
      {entry.assignment ? (
        <ul className="small">
          {changes(before, entry.assignment).map((one, at) => (
            <li key={at}>
              <strong>{one.name}</strong>{" "}
              {one.got.length === 0 && one.lost.length === 0 ? "kept what it had" : ""}
              {one.got.length > 0 ? `got ${one.got.join(", ")}` : ""}
              {one.got.length > 0 && one.lost.length > 0 ? "; " : ""}
              {one.lost.length > 0 ? `gave up ${one.lost.join(", ")}` : ""}
            </li>
          ))}
        </ul>
      ) : null}
      {idle.length > 0 ? (
        <p className="small">{`${many(idle.length, "member has", "members have")} nothing to read: there are more members than partitions.`}</p>
      ) : null}
      {told ? <p className="small muted">{told}</p> : null}
    </div>
  );
}

export function Flight(props: {
  entries: readonly TimelineEntry[];
  from: number;
  now: number;
  seam: string | undefined;
  onSeam: (seq: string | undefined) => void;
}) {
  const { entries, from, now } = props;
  const all = stays(entries, now).filter((stay) => stay.to >= from);
  const members = [...new Map(all.map((stay) => [stay.memberId, stay.clientId])).entries()].slice(-16);
  const seams = entries
    .filter((entry) => entry.kind === "rebalance.done" && Number(entry.timeMs) >= from)
    .slice(-40);
  const share = (at: number) => `${Math.max(0, Math.min(100, ((at - from) / (now - from)) * 100))}%`;
  const chosen = seams.find((entry) => entry.seq === props.seam);
  const earlier = entries.filter(
    (entry) => entry.assignment && chosen && Number(entry.timeMs) < Number(chosen.timeMs),
  );
  return (
    <section className="card" aria-label="Rebalances">
      <div className={css.cardHead}>
        <h2>Who read what</h2>
        <span className="tiny muted">{`${many(seams.length, "rebalance")} since ${clock(from, false)}`}</span>
      </div>
      {members.length === 0 ? (
        <Blank icon="groups" title="No member in this time" />
      ) : (
        <div className={css.flight}>
          <div className={css.swim}>
            <span />
            <div className={css.seams}>
              {seams.map((entry) => (
                <button
                  key={entry.seq}
                  type="button"
                  className={css.seam}
                  style={{ left: share(Number(entry.timeMs)) }}
                  aria-pressed={entry.seq === props.seam}
                  aria-label={`Rebalance at ${clock(entry.timeMs, false)}: ${causeText(entry.cause)}`}
                  title={causeText(entry.cause)}
                  onClick={() => props.onSeam(entry.seq === props.seam ? undefined : entry.seq)}
                />
              ))}
            </div>
            {members.map(([memberId, clientId], row) => (
              <Swimmer key={memberId} name={clientId || memberId} title={memberId}>
                {all
                  .filter((stay) => stay.memberId === memberId && owned(stay.topics).size > 0)
                  .map((stay) => (
                    <span
                      key={stay.from}
                      className={css.own}
                      data-hue={row % 8}
                      style={{ left: share(stay.from), right: `calc(100% - ${share(stay.to)})` }}
                      title={partitions(stay.topics)}
                    >
                      {partitions(stay.topics)}
                    </span>
                  ))}
                {seams.map((entry) => (
                  <span
                    key={entry.seq}
                    className={css.seamLine}
                    style={{ left: share(Number(entry.timeMs)) }}
                  />
                ))}
              </Swimmer>
            ))}
          </div>
          {chosen ? (
            <Story entry={chosen} before={earlier.at(-1)?.assignment ?? null} />
          ) : seams.length > 0 ? (
            <div className="row" style={{ marginTop: 12 }}>
              <Button small onPress={() => props.onSeam(seams.at(-1)?.seq)}>
                Why was the last one?
              </Button>
            </div>
          ) : null}
        </div>
      )}
    </section>
  );
}

function Swimmer({ name, title, children }: { name: string; title: string; children: React.ReactNode }) {
  return (
    <>
      <span className={`${css.swimName} clip`} title={title}>
        {name}
      </span>
      <div className={css.swimLane}>{children}</div>
    </>
  );
}
