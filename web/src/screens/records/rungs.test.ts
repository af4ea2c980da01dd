import { expect, test } from "vitest";
import type { Journey, Step } from "../../api/types";
import { clock } from "../../text/format";
import { gap, groupRungs, otherRung, ownRungs } from "./rungs";

const T = 1_790_000_000_000;

const at = (from: number | null, until: number): Step => ({
  state: from === null ? "before" : "known",
  fromMs: from === null ? null : String(T + from),
  untilMs: String(T + until),
});
const of = (state: Step["state"]): Step => ({ state, fromMs: null, untilMs: null });

const journey = (change: Partial<Journey> = {}): Journey => ({
  timestampMs: String(T),
  timestampType: "CreateTime",
  appended: at(3, 3),
  durable: at(9, 9),
  readable: at(9, 9),
  groups: [],
  others: [],
  knownSinceMs: String(T - 60_000),
  notTold: null,
  nowMs: String(T + 1000),
  ...change,
});

const group = (fetched: Step, committed: Step): Journey["groups"][number] => ({
  groupId: "readers",
  fetched,
  fetchedBy: { memberId: "m", clientId: "kafka-go", clientHost: "127.0.0.1", isAmbiguous: false },
  committed,
  committedOffset: "1",
});

test("each step has its time and the time since the one before", () => {
  const rungs = ownRungs(journey());
  expect(rungs.map((it) => it.name)).toEqual([
    "Created by the producer",
    "Received and appended",
    "On the disk",
    "Readable",
  ]);
  expect(rungs.map((it) => it.when)).toEqual([T, T + 3, T + 9, T + 9].map((ms) => clock(ms)));
  expect(rungs.map((it) => it.gap)).toEqual([null, "+3 ms", "+6 ms", "+0 ms"]);
});

test("a record that was read before it was synced is told in that order", () => {
  const rungs = ownRungs(journey({ readable: at(3, 3), durable: at(500, 500) }));
  expect(rungs.map((it) => it.name).slice(2)).toEqual(["Readable", "On the disk"]);
  const unsynced = ownRungs(journey({ readable: at(3, 3), durable: of("notYet") }));
  expect(unsynced.map((it) => [it.name, it.state, it.gap]).at(-1)).toEqual(["On the disk", "open", null]);
});

test("what is known within a span is not told as more", () => {
  expect(gap({ from: 0, until: 10 }, { from: 5, until: 30 })).toBe("+0 ms to 30 ms");
  expect(gap({ from: 0, until: 0 }, { from: 5, until: 30 })).toBe("+5 ms to 30 ms");
  expect(gap({ from: null, until: 0 }, { from: 5, until: 5 })).toBeNull();
  const [appended] = ownRungs(journey({ appended: at(2, 8) })).slice(1);
  expect(appended?.when).toBe(`${clock(T + 2)} – ${clock(T + 8)}`);
});

test("a producer whose clock is ahead is told so", () => {
  const [, appended] = ownRungs(journey({ timestampMs: String(T + 50) }));
  expect([appended?.gap, appended?.note]).toEqual([
    "−47 ms",
    "The producer’s clock is ahead of the broker’s.",
  ]);
});

test("a topic with the broker’s time has no time of its producer", () => {
  const [created, appended] = ownRungs(journey({ timestampType: "LogAppendTime" }));
  expect([created?.when, created?.state, appended?.gap]).toEqual([null, "unknown", null]);
});

test("what happened before the start is by then, and needs no span", () => {
  const start = at(null, -60_000);
  const rungs = ownRungs(journey({ appended: start, durable: start, readable: start }));
  expect(rungs[1]?.when).toBe(`by ${clock(T - 60_000)}`);
  expect(rungs.map((it) => it.gap)).toEqual([null, null, null, null]);
});

test("a group fetches and then commits, or has not yet", () => {
  const done = groupRungs(journey(), group(at(12, 12), at(40, 40)));
  expect(done.map((it) => it.gap)).toEqual(["+3 ms", "+28 ms"]);
  expect(done[0]?.note).toBe("By kafka-go from 127.0.0.1");
  const waits = groupRungs(journey(), group(of("notYet"), of("notYet")));
  expect(waits.map((it) => it.state)).toEqual(["open", "open"]);
  const maybe = groupRungs(journey(), group({ ...at(null, 12), state: "maybe" }, of("notYet")));
  expect([maybe[0]?.state, maybe[0]?.when]).toEqual(["unknown", `maybe ${clock(T + 12)}`]);
});

test("a client in no group is told by its name and address", () => {
  const sent = { clientId: "kcat", remote: "127.0.0.1:4711", fetched: at(12, 12) };
  const known = otherRung(journey(), sent);
  expect([known.name, known.gap, known.note]).toEqual(["kcat (127.0.0.1:4711)", "+3 ms", null]);
  const maybe = otherRung(journey(), {
    ...sent,
    clientId: null,
    fetched: { ...at(null, 12), state: "maybe" },
  });
  expect([maybe.name, maybe.state]).toEqual(["a client without a name (127.0.0.1:4711)", "unknown"]);
  expect(maybe.note).toMatch(/last answer/);
});
