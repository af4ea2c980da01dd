import { describe, expect, it } from "vitest";
import type { RecordRow } from "../../api/types";
import { HEAT_FROM, hueOf, KEPT, LogModel } from "./model";

function cursors(partition: number, start: string, end: string, positions: [string, string][] = []) {
  return {
    partition,
    logStartOffset: start,
    lastStableOffset: end,
    highWatermark: end,
    logEndOffset: end,
    durableOffset: end,
    sizeBytes: "100",
    segments: 1,
    positions: positions.map(([groupId, committedOffset]) => ({ groupId, committedOffset })),
  };
}

function record(partition: number, offset: string): RecordRow {
  return {
    partition,
    offset,
    timestampMs: "1000",
    timestampType: "CreateTime",
    leaderEpoch: 0,
    key: null,
    value: null,
    headers: [],
    keyHash: null,
    size: "10",
  };
}

describe("the model of a log", () => {
  it("keeps lanes in the order of their partitions", () => {
    const model = new LogModel();
    model.apply([cursors(2, "0", "1"), cursors(0, "0", "1"), cursors(1, "0", "1")], 0);
    expect(model.lanes.map((lane) => lane.partition)).toEqual([0, 1, 2]);
  });

  it("tells neighbours apart far beyond what a Number can", () => {
    const model = new LogModel();
    model.apply([cursors(0, "9223372036854775000", "9223372036854775003")], 0);
    expect(model.position("9223372036854775001")).toBe(1);
    expect(model.offset(2)).toBe("9223372036854775002");
  });

  it("knows the rate from what came in the last second", () => {
    const model = new LogModel();
    model.apply([cursors(0, "0", "10")], 0);
    model.apply([cursors(0, "0", "40")], 500);
    expect(model.rate()).toBe(30);
    model.apply([cursors(0, "0", "40")], 2000);
    expect(model.rate()).toBe(0);
  });

  it("takes records once each, in order, and only the last", () => {
    const model = new LogModel();
    model.apply([cursors(0, "0", "1000")], 0);
    model.addRecords([record(0, "3"), record(0, "1"), record(0, "3")], 0);
    expect(model.lanes[0]?.dots.map((dot) => dot.offset)).toEqual([1, 3]);
    model.addRecords(
      Array.from({ length: KEPT + 50 }, (_, at) => record(0, String(at))),
      1,
    );
    expect(model.lanes[0]?.dots).toHaveLength(KEPT);
    expect(model.lanes[0]?.dots.at(-1)?.offset).toBe(KEPT + 49);
  });

  it("forgets records that are no longer kept", () => {
    const model = new LogModel();
    model.apply([cursors(0, "0", "10")], 0);
    model.addRecords([record(0, "3"), record(0, "8")], 0);
    model.apply([cursors(0, "5", "10")], 1);
    expect(model.lanes[0]?.dots.map((dot) => dot.offset)).toEqual([8]);
  });

  it("ignores records of partitions that it does not know", () => {
    const model = new LogModel();
    model.addRecords([record(7, "0")], 0);
    expect(model.lanes).toEqual([]);
  });

  it("gives few groups colours of their own, and keeps them", () => {
    const model = new LogModel();
    model.apply(
      [
        cursors(0, "0", "9", [
          ["b", "1"],
          ["a", "2"],
        ]),
      ],
      0,
    );
    model.apply([cursors(0, "0", "9", [["a", "3"]])], 1);
    expect(model.groupHue("b")).not.toBe(model.groupHue("a"));
    expect(model.lanes[0]?.pins).toEqual([{ groupId: "a", at: 3, hue: model.groupHue("a") }]);
  });

  it("lets the last segment grow with the log", () => {
    const model = new LogModel();
    model.apply([cursors(0, "0", "10")], 0);
    const segment = {
      baseOffset: "0",
      nextOffset: "10",
      isActive: true,
      sizeBytes: "100",
      offsetIndexBytes: "0",
      timeIndexBytes: "0",
      hasTxnIndex: false,
      maxTimestampMs: "1",
    };
    model.setSegments(0, [segment]);
    model.apply([cursors(0, "0", "25")], 1);
    expect(model.lanes[0]?.blocks[0]?.next).toBe(25);
  });

  it("colours by the key's hash, and none without a key", () => {
    expect(hueOf(null)).toBe(-1);
    expect(hueOf("4294967295")).toBe(7);
    expect(HEAT_FROM).toBeGreaterThan(0);
  });
});
