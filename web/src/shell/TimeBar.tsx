// The last hour as a strip: what happened when, and a handle to look at the broker as it was then. The moment is
// part of the address (`?at=`), so a look back can be sent to somebody.

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { timeline } from "../api/queries";
import type { Timeline } from "../api/types";
import { ago, clock, moment } from "../text/format";
import { useAt, useNow } from "./asof";
import css from "./shell.module.css";

const SPAN_MIN_MS = 60_000;

/** Since when it is known what the page shows. */
function knownSince({ knownSince: known }: Timeline, pathname: string): number {
  const of = (name: keyof typeof known) => Number(known[name]);
  if (pathname.includes("/transactions")) return of("transactions");
  if (pathname.includes("/groups")) return of("groups");
  return of(pathname.includes("/clients") ? "connections" : "cursors");
}

function Marks({ data, from, to }: { data: Timeline; from: number; to: number }) {
  const most = Math.max(1, ...data.marks.map((mark) => mark.count));
  return (
    <svg viewBox="0 0 1000 28" preserveAspectRatio="none" aria-hidden="true">
      <line x1="0" y1="27.5" x2="1000" y2="27.5" />
      {data.marks
        .filter((mark) => Number(mark.timeMs) >= from)
        .map((mark) => {
          const x = ((Number(mark.timeMs) - from) / (to - from)) * 1000;
          const height = 4 + 18 * Math.sqrt(mark.count / most);
          const kind = mark.kind.split(".")[0];
          return (
            <rect
              key={`${mark.timeMs}${mark.kind}`}
              x={x}
              y={27 - height}
              width="5"
              height={height}
              rx="1"
              data-kind={kind}
            />
          );
        })}
    </svg>
  );
}

export function TimeBar() {
  const at = useAt();
  const now = useNow();
  const navigate = useNavigate();
  const { data } = useQuery(timeline());
  const pathname = useRouterState({ select: (state) => state.location.pathname });
  if (!data) return null;
  const to = Math.max(now, Number(data.nowMs));
  const from = Math.min(knownSince(data, pathname), to - SPAN_MIN_MS);
  const show = (moment: string | undefined) =>
    void navigate({
      to: ".",
      search: (before: object) => ({ ...before, at: moment }),
      replace: true,
    } as never);
  return (
    <div className={css.bar}>
      {at ? (
        <button type="button" className={css.live} data-past="" onClick={() => show(undefined)}>
          {moment(at).slice(11, 19)} · back to live
        </button>
      ) : (
        <span className={css.live}>Live</span>
      )}
      <div className={css.track}>
        <Marks data={data} from={from} to={to} />
        <input
          type="range"
          aria-label="Look at the broker as of"
          aria-valuetext={at ? `${clock(at, false)}, ${ago(at, now)}` : "now"}
          min={from}
          max={to}
          step={1000}
          value={at ? Number(at) : to}
          data-past={at ? "" : undefined}
          onChange={(event) => {
            const chosen = Number(event.target.value);
            show(chosen > to - 500 ? undefined : String(chosen));
          }}
        />
      </div>
      <span className="tiny muted">{at ? ago(at, now) : `since ${clock(from, false)}`}</span>
    </div>
  );
}
