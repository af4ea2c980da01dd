import { expect, it } from "vitest";
import { murmur2, partitionOf } from "./murmur2";

const hash = (text: string) => murmur2(new TextEncoder().encode(text)) | 0;

// What Kafka's own Utils.murmur2 gives.
it("hashes as Kafka does", () => {
  expect(hash("21")).toBe(-973932308);
  expect(hash("foobar")).toBe(-790332482);
  expect(hash("a-little-bit-long-string")).toBe(-985981536);
  expect(hash("a-little-bit-longer-string")).toBe(-1486304829);
  expect(hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")).toBe(-58897971);
  expect(hash("abc")).toBe(479470107);
});

it("chooses a partition that exists", () => {
  for (const key of ["", "temperature", "windspeed", "Zürich", "キー"]) {
    const { positive, partition } = partitionOf(key, 6);
    expect(positive).toBeGreaterThanOrEqual(0);
    expect(partition).toBe(positive % 6);
  }
});
