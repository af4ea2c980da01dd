import { describe, expect, it } from "vitest";
import { ease, FOLLOW, interpolate, pan, SPACING_MAX, target, ticks, x, zoom } from "./scale";

describe("the view of a log", () => {
  it("begins at the left while there is little, no record wider than it needs", () => {
    const view = target("offset", FOLLOW, { from: 0, to: 3 }, 1000);
    expect(view.from).toBe(0);
    expect(x(view, 1000, 1) - x(view, 1000, 0)).toBeLessThanOrEqual(SPACING_MAX);
  });

  it("follows the end when there is much", () => {
    const view = target("offset", FOLLOW, { from: 0, to: 10_000 }, 1000);
    expect(view.from).toBeGreaterThan(9000);
    expect(view.to).toBeGreaterThan(10_000);
  });

  it("shows all when it is asked to", () => {
    const view = target("offset", { span: 10_000, back: 0 }, { from: 0, to: 10_000 }, 1000);
    expect(view.from).toBeLessThanOrEqual(0);
    expect(view.to).toBeGreaterThanOrEqual(10_000);
  });

  it("keeps what is under the pointer there", () => {
    const extent = { from: 0, to: 10_000 };
    const view = { from: 4000, to: 6000 };
    const look = zoom({ span: 2000, back: 4000 }, 0.5, 0.5, view, extent);
    expect(look.span).toBe(1000);
    expect(extent.to - look.back).toBe(5500);
  });

  it("does not go past the end", () => {
    const extent = { from: 0, to: 100 };
    expect(pan({ span: 10, back: 5 }, 3, { from: 85, to: 95 }, extent).back).toBe(0);
    expect(pan({ span: 10, back: 95 }, -3, { from: 0, to: 10 }, extent).back).toBe(100);
  });

  it("arrives, at once where nothing may move", () => {
    const goal = { from: 10, to: 20 };
    expect(ease({ from: 0, to: 10 }, goal, 16, true)).toBe(goal);
    let view = { from: 0, to: 10 };
    for (let frame = 0; frame < 60; frame += 1) view = ease(view, goal, 16, false);
    expect(view).toBe(goal);
  });

  it("places what lies between two known points between them", () => {
    const knots = [
      [0, 0],
      [10, 100],
      [20, 1000],
    ] as const;
    expect([-5, 0, 5, 10, 15, 25].map((at) => interpolate(knots, at))).toEqual([0, 0, 50, 100, 550, 1000]);
  });

  it("has round numbers on its ruler", () => {
    expect(ticks({ from: 0, to: 18 }, 1000)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    expect(ticks({ from: 0, to: 1e9 }, 1000).length).toBeLessThan(20);
  });
});
