import { describe, expect, it } from "vitest";
import { count, duration, signed } from "./format";
import { readJson } from "./json";
import { compare, isLong, minus, plus, sum } from "./long";
import { inline, pick } from "./payload";

const VECTORS = ["9007199254740993", "-7210194211959421178", "18446744073709551615"];

describe("64-bit numbers", () => {
  it("keep every digit when they are shown", () => {
    expect(VECTORS.map((vector) => count(vector).replaceAll("\u202f", "").replace("−", "-"))).toEqual(
      VECTORS,
    );
  });

  it("keep every digit within a document", () => {
    for (const vector of VECTORS) {
      const json = readJson(`{"id": ${vector}, "list": [${vector}]}`);
      expect(pick(json, "id")).toBe(vector);
      expect(pick(json, "list[0]")).toBe(vector);
    }
  });

  it("are calculated with exactly", () => {
    expect(plus("9007199254740993", "1")).toBe("9007199254740994");
    expect(minus("9223372036854775807", "9223372036854775806")).toBe("1");
    expect(sum(["9007199254740993", "9007199254740993"])).toBe("18014398509481986");
    expect(compare("9007199254740993", "9007199254740992")).toBe(1);
  });

  it("are told from what is none", () => {
    expect(isLong("9223372036854775807")).toBe(true);
    expect(isLong("9223372036854775808")).toBe(false);
    expect(isLong("-9223372036854775808")).toBe(true);
    expect(["", "1.5", "1e3", "abc", "--1"].filter(isLong)).toEqual([]);
  });
});

describe("JSON", () => {
  it("keeps numbers as they were written, and the order and doubles of keys", () => {
    const json = readJson('{"b":1.10,"a":1e400,"b":-0}');
    expect(json && inline(json)).toBe("{b: 1.10, a: 1e400, b: -0}");
  });

  it("is not seen where there is none", () => {
    for (const text of [
      "",
      "{",
      "{a:1}",
      "01",
      "[1,]",
      '"\u0001"',
      "nul",
      "1 2",
      `${"[".repeat(300)}${"]".repeat(300)}`,
    ]) {
      expect(readJson(text), text).toBeNull();
    }
  });

  it("reads strings with their escapes", () => {
    expect(readJson('"caf\\u00e9 \\"x\\" \\\\"')).toEqual({ kind: "string", value: 'café "x" \\' });
  });
});

describe("what people read", () => {
  it("groups digits and signs differences", () => {
    expect(count("1234567")).toBe("1\u202f234\u202f567");
    expect(signed("12")).toBe("+12");
    expect(signed("-3")).toBe("−3");
    expect(signed("0")).toBe("0");
  });

  it("says a time span in two units at most", () => {
    expect([0, 4100, 45_000, 125_000, 3_600_000, 604_800_000].map(duration)).toEqual([
      "0 ms",
      "4.1 s",
      "45 s",
      "2 min 5 s",
      "1 h",
      "7 d",
    ]);
  });
});
