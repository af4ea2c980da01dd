// Lines over time. uPlot draws; this gives it the tokens' colours, the size of its place, and words for those who
// cannot see it.

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useColours } from "../shell/theme";
import { compact } from "../text/format";

export interface Line {
  name: string;
  /** A token: `accent`, `c1`. */
  colour: string;
  values: readonly (number | null)[];
  isFilled?: boolean;
}

/** A stretch of time to be hatched. */
export interface Band {
  from: number;
  to: number;
}

function token(at: Element, name: string): string {
  const probe = document.createElement("span");
  at.append(probe);
  probe.style.color = `var(--${name})`;
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function hatch(chart: uPlot, bands: readonly Band[], colour: string) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.globalAlpha = 0.5;
  ctx.lineWidth = devicePixelRatio;
  for (const band of bands) {
    const left = chart.valToPos(band.from, "x", true);
    const wide = Math.max(2 * devicePixelRatio, chart.valToPos(band.to, "x", true) - left);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, wide, bbox.height);
    ctx.clip();
    ctx.beginPath();
    for (let at = left - bbox.height; at < left + wide; at += 6 * devicePixelRatio) {
      ctx.moveTo(at, bbox.top + bbox.height);
      ctx.lineTo(at + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

export function Chart(props: {
  /** Seconds since 1970. */
  times: readonly number[];
  lines: readonly Line[];
  bands?: readonly Band[];
  label: string;
  height: number;
}) {
  const { times, lines, bands, label, height } = props;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latestBands = useRef(bands ?? []);
  latestBands.current = bands ?? [];
  const colours = useColours();
  const shape = lines.map((line) => `${line.name} ${line.colour} ${line.isFilled ?? false}`).join("|");

  // biome-ignore lint/correctness/useExhaustiveDependencies: the chart is made anew when its shape or colours are.
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const axis: uPlot.Axis = {
      stroke: token(element, "n6"),
      grid: { stroke: token(element, "n4"), width: 1 },
      ticks: { show: false },
      font: "11px Geist Mono, monospace",
    };
    const warn = token(element, "warn");
    const made = new uPlot(
      {
        width: element.clientWidth,
        height,
        padding: [8, 12, 0, 0],
        cursor: { y: false, points: { size: 6 } },
        legend: { show: false },
        scales: { y: { range: (_chart, low, high) => [Math.min(0, low), Math.max(high * 1.1, 4)] } },
        axes: [
          {
            ...axis,
            values: (_chart, splits) => splits.map((at) => new Date(at * 1000).toTimeString().slice(0, 8)),
            space: 90,
          },
          { ...axis, size: 52, values: (_chart, splits) => splits.map(compact) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.name,
            stroke: token(element, line.colour),
            width: 1.75,
            fill: line.isFilled ? token(element, `${line.colour}-soft`) : undefined,
            points: { show: false },
          })),
        ],
        hooks: { draw: [(drawn) => hatch(drawn, latestBands.current, warn)] },
      },
      [[...times], ...lines.map((line) => [...line.values])] as uPlot.AlignedData,
      element,
    );
    chart.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [shape, colours, height]);

  useEffect(() => {
    chart.current?.setData([[...times], ...lines.map((line) => [...line.values])] as uPlot.AlignedData);
  }, [times, lines]);

  return <div ref={place} role="img" aria-label={label} />;
}
