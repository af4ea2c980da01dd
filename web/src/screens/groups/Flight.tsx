// The rebalances of a group on a line of time: a seam for each, and the story behind it.

import type { TimelineEntry } from "../../api/types";
import { clock, duration, many } from "../../text/format";
import { Blank } from "../../ui/data";
import css from "./groups.module.css";
import { advice, causeText } from "./words";

/** Entries that say why the group rebalanced. */
export function seamsOf(entries: readonly TimelineEntry[], from: number): TimelineEntry[] {
  return entries.filter((entry) => entry.cause !== null && Number(entry.timeMs) >= from).slice(-40);
}

/** The later of those that would lie on each other. */
function apart(seams: readonly TimelineEntry[], ms: number): TimelineEntry[] {
  const kept: TimelineEntry[] = [];
  for (const seam of seams.toReversed()) {
    const later = kept.at(-1);
    if (!later || Number(later.timeMs) - Number(seam.timeMs) >= ms) kept.push(seam);
  }
  return kept.reverse();
}

function Story({ entry }: { entry: TimelineEntry }) {
  const told = advice(entry.cause);
  return (
    <div className={css.story} aria-live="polite">
      <h3>{`${clock(entry.timeMs)}: ${causeText(entry.cause)}`}</h3>
      <p>{entry.text}</p>
      {entry.durationMs === null ? null : (
        <p className="small">{`It took ${duration(Number(entry.durationMs))}.`}</p>
      )}
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
  const seams = apart(seamsOf(entries, from), (now - from) / 10);
  const share = (at: number) => `${Math.max(0, Math.min(100, ((at - from) / (now - from)) * 100))}%`;
  const chosen = seams.find((entry) => entry.seq === props.seam) ?? seams.at(-1);
  return (
    <section className="card" aria-label="Rebalances">
      <div className={css.cardHead}>
        <h2>Rebalances</h2>
        <span className="tiny muted">{`${many(seams.length, "seam")} since ${clock(from, false)}`}</span>
      </div>
      {seams.length === 0 ? (
        <Blank icon="groups" title="No rebalance in this time" />
      ) : (
        <div className={css.flight}>
          <div className={css.seams}>
            {seams.map((entry) => (
              <button
                key={entry.seq}
                type="button"
                className={css.seam}
                style={{ left: share(Number(entry.timeMs)) }}
                aria-pressed={entry.seq === chosen?.seq}
                aria-label={`Rebalance at ${clock(entry.timeMs, false)}: ${causeText(entry.cause)}`}
                title={causeText(entry.cause)}
                onClick={() => props.onSeam(entry.seq)}
              />
            ))}
          </div>
          {chosen ? <Story entry={chosen} /> : null}
        </div>
      )}
    </section>
  );
}
