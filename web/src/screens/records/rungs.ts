// The way of a record as rungs of a ladder: what happened, when, and how long after the step before.

import type { Journey, Long, Step } from "../../api/types";
import { clock, duration, moment } from "../../text/format";

export interface Rung {
  name: string;
  /** Whether it has happened: `open` has not, and of `unknown` nobody knows. */
  state: "done" | "open" | "unknown";
  /** When, as people read it; null where there is no time. */
  when: string | null;
  /** How long after the step before; null where one of the two has no time. */
  gap: string | null;
  note: string | null;
}

/** The earliest and the latest moment, in ms; what has no earliest one was some time before the latest. */
interface Times {
  from: number | null;
  until: number;
}

function timesOf(step: Step): Times | null {
  if (step.untilMs === null || step.state === "maybe") return null;
  return { from: step.fromMs === null ? null : Number(step.fromMs), until: Number(step.untilMs) };
}

const isSameDay = (a: number, b: number) => new Date(a).toDateString() === new Date(b).toDateString();

/** A moment, with its date where that is not today. */
function time(ms: number, now: number): string {
  return isSameDay(ms, now) ? clock(ms) : moment(ms);
}

function when(step: Step, now: number): string | null {
  if (step.untilMs === null) return null;
  const until = Number(step.untilMs);
  if (step.state === "maybe") return `maybe ${time(until, now)}`;
  if (step.fromMs === null) return `by ${time(until, now)}`;
  const from = Number(step.fromMs);
  return from === until
    ? time(until, now)
    : `${time(from, now)} – ${isSameDay(from, until) ? clock(until) : moment(until)}`;
}

/** From one step to the next: exact where both are, else the most that it can have been. */
export function gap(before: Times | null, after: Times | null): string | null {
  if (!before || !after || before.from === null || after.from === null) return null;
  const most = after.until - before.from;
  const least = after.from - before.until;
  if (most < 0) return `−${duration(-most)}`;
  return most === least ? `+${duration(most)}` : `+${duration(Math.max(0, least))} to ${duration(most)}`;
}

const happened = (step: Step): Rung["state"] =>
  step.state === "notYet" ? "open" : step.state === "notTold" || step.state === "maybe" ? "unknown" : "done";

const rung = (name: string, step: Step, before: Times | null, now: number, note: string | null): Rung => ({
  name,
  state: happened(step),
  when: when(step, now),
  gap: gap(before, timesOf(step)),
  note,
});

const BEFORE = "Before the broker was started, and with it its memory.";

function created(journey: Journey, now: number): { rung: Rung; times: Times | null } {
  const has = journey.timestampType === "CreateTime" && journey.timestampMs !== "-1";
  const ms = Number(journey.timestampMs);
  return {
    times: has ? { from: ms, until: ms } : null,
    rung: {
      name: "Created by the producer",
      state: has ? "done" : "unknown",
      when: has ? time(ms, now) : null,
      gap: null,
      note: has
        ? "The record’s timestamp, by the producer’s clock."
        : journey.timestampMs === "-1"
          ? "The record has no timestamp."
          : "The topic keeps the time of the append instead of the producer’s.",
    },
  };
}

const later = (before: Times | null, step: Step): Times | null => timesOf(step) ?? before;

/** The steps that a record takes on its own: into the log, onto the disk, to where consumers see it. */
export function ownRungs(journey: Journey): Rung[] {
  const now = Number(journey.nowMs);
  const first = created(journey, now);
  const { appended, durable, readable } = journey;
  const rungs = [first.rung];
  const isAhead =
    first.times !== null && appended.untilMs !== null && Number(appended.untilMs) < first.times.until;
  rungs.push(
    rung(
      "Received and appended",
      appended,
      first.times,
      now,
      isAhead
        ? "The producer’s clock is ahead of the broker’s."
        : appended.state === "before"
          ? BEFORE
          : null,
    ),
  );
  const synced: [string, Step, string | null] = [
    "On the disk",
    durable,
    durable.state === "notYet"
      ? "Nobody waited for it: the system writes it when it likes, within seconds mostly."
      : null,
  ];
  const seen: [string, Step, string | null] = [
    "Readable",
    readable,
    readable.state === "notYet" ? "The high watermark is not past it: it waits for the disk." : null,
  ];
  const isSyncedFirst =
    durable.untilMs !== null && Number(durable.untilMs) <= Number(readable.untilMs ?? Infinity);
  let before = later(first.times, appended);
  for (const [name, step, note] of isSyncedFirst ? [synced, seen] : [seen, synced]) {
    const ownNote = step.state === "before" && appended.state !== "before" ? BEFORE : note;
    rungs.push(rung(name, step, before, now, ownNote));
    before = later(before, step);
  }
  return rungs;
}

const NAMELESS = "a client without a name";

/** The step of a record to a client in no group. */
export function otherRung(journey: Journey, of: Journey["others"][number]): Rung {
  const note =
    of.fetched.state === "maybe" ? "In reach of its last answer; its next fetch makes it sure." : null;
  const name = `${of.clientId || NAMELESS} (${of.remote})`;
  return rung(name, of.fetched, timesOf(journey.readable), Number(journey.nowMs), note);
}

/** The steps of a record in one group. */
export function groupRungs(journey: Journey, of: Journey["groups"][number]): Rung[] {
  const now = Number(journey.nowMs);
  const { fetched, fetchedBy, committed } = of;
  const start = timesOf(journey.readable);
  const who = fetchedBy ? `${fetchedBy.clientId || NAMELESS} from ${fetchedBy.clientHost}` : null;
  const notes: Partial<Record<Step["state"], string>> = {
    maybe: `In reach of the last answer to ${who}; its next fetch makes it sure.`,
    // Of another cluster nothing of the kind is remembered, which is said once for all.
    ...(journey.notTold
      ? {}
      : { notTold: "Not remembered: who was sent it has gone, or the group was moved past it." }),
  };
  const note =
    who && fetchedBy?.isAmbiguous
      ? `By ${who}, or by another group’s member of that name there.`
      : who
        ? `By ${who}`
        : null;
  return [
    rung("First fetched", fetched, start, now, notes[fetched.state] ?? note),
    rung("Committed", committed, later(start, fetched), now, null),
  ];
}

/** Where a group stands, seen from a record. */
export function isNext(committed: Long | null, offset: Long): boolean {
  return committed === offset;
}
