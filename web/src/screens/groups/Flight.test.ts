import { expect, it } from "vitest";
import type { Assignment, TimelineEntry } from "../../api/types";
import { changes, stays } from "./Flight";

function entry(seq: number, kind: string, assignment: Assignment[] | null): TimelineEntry {
  return {
    seq: String(seq),
    timeMs: String(seq * 1000),
    kind,
    cause: null,
    memberId: null,
    clientId: null,
    generationId: 1,
    from: null,
    to: null,
    text: "",
    durationMs: null,
    assignment,
  };
}

const member = (memberId: string, partitions: number[]): Assignment => ({
  memberId,
  clientId: memberId,
  topics: [{ topic: "t", partitions }],
});

it("a member keeps what it was given until the next rebalance begins", () => {
  const entries = [
    entry(1, "rebalance.done", [member("a", [0, 1])]),
    entry(5, "rebalance.began", null),
    entry(6, "rebalance.done", [member("a", [0]), member("b", [1])]),
  ];
  expect(stays(entries, 10_000).map(({ memberId, from, to }) => [memberId, from, to])).toEqual([
    ["a", 1000, 5000],
    ["a", 6000, 10_000],
    ["b", 6000, 10_000],
  ]);
});

it("says who got and who gave up what", () => {
  expect(changes([member("a", [0, 1])], [member("a", [0]), member("b", [1])])).toEqual([
    { name: "a", got: [], lost: ["t/1"] },
    { name: "b", got: ["t/1"], lost: [] },
  ]);
});
