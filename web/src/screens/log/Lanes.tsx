// The picture itself: one canvas over as many lanes as are in view, drawn when something has changed.

import { useNavigate } from "@tanstack/react-router";
import {
  type PointerEvent,
  type Ref,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useColours } from "../../shell/theme";
import { draw, type Frame, pixels } from "./draw";
import { type Hit, hit } from "./hit";
import { GUTTER, laneLayout, RULER, viewportHeight } from "./layout";
import css from "./log.module.css";
import type { Lane, LogModel } from "./model";
import { readPalette } from "./palette";
import { type Axis, ease, extentOf, type Look, pan, target, type View, zoom } from "./scale";
import { Tip } from "./Tip";

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** What the tour points at. */
export type Feature = "lane" | "record" | "end" | "segment" | "watermark" | "group" | "lag" | "start" | "key";

export interface LanesHandle {
  /** Where a feature is on the screen, or null where there is none. */
  locate: (feature: Feature) => Box | null;
  zoom: (factor: number) => void;
}

const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function Lanes(props: {
  ref: Ref<LanesHandle>;
  topic: string;
  model: LogModel;
  axis: Axis;
  look: Look;
  onLook: (look: Look) => void;
  isPast: boolean;
  onSegment: (partition: number, baseOffset: string) => void;
}) {
  const { model, axis, look, topic } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLElement>(null);
  const frame = useRef<Frame | null>(null);
  const [found, setFound] = useState<{ hit: Hit; x: number; y: number } | null>(null);
  const colours = useColours();
  const navigate = useNavigate();
  const latest = useRef({ axis, look, isPast: props.isPast });
  latest.current = { axis, look, isPast: props.isPast };
  const layout = laneLayout(model.lanes.length);
  const room = typeof innerHeight === "number" ? Math.max(300, innerHeight - 430) : 480;
  const height = viewportHeight(Math.max(model.lanes.length, 1), room);
  const below = Math.max(0, model.lanes.length * layout.height + RULER - height);

  useLoop({ canvas, scroller, frame, model, latest, colours });

  const extent = () => extentOf(latest.current.axis, model, Date.now());
  const view = () => frame.current?.view ?? { from: 0, to: 1 };

  // A wheel that is not passive, or the page would scroll with it.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const wheel = (event: WheelEvent) => {
      const across = (event.offsetX - GUTTER) / Math.max(1, element.clientWidth - GUTTER);
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        props.onLook(zoom(latest.current.look, Math.exp(event.deltaY / 250), across, view(), extent()));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
        event.preventDefault();
        const by = (event.deltaX || event.deltaY) / element.clientWidth;
        props.onLook(pan(latest.current.look, by, view(), extent()));
      }
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => element.removeEventListener("wheel", wheel);
  });

  useImperativeHandle(props.ref, () => ({
    locate: (feature) =>
      frame.current && canvas.current ? locate(frame.current, model, canvas.current, feature) : null,
    zoom: (factor) => props.onLook(zoom(latest.current.look, factor, 1, view(), extent())),
  }));

  const drag = useRef<{ x: number; look: Look; moved: boolean } | null>(null);
  function move(event: PointerEvent) {
    const box = canvas.current?.getBoundingClientRect();
    if (!box || !frame.current) return;
    const at = event.clientX - box.left;
    const y = event.clientY - box.top;
    if (drag.current) {
      const by = (drag.current.x - at) / (box.width - GUTTER);
      if (Math.abs(drag.current.x - at) > 3) drag.current.moved = true;
      if (drag.current.moved) props.onLook(pan(drag.current.look, by, view(), extent()));
      return;
    }
    const now = hit(frame.current, model.lanes, at, y);
    frame.current.hover =
      now?.kind === "record" ? { partition: now.lane.partition, offset: now.dot.offset } : null;
    setFound(now ? { hit: now, x: at, y } : null);
  }

  function open(hit: Hit | undefined) {
    if (hit?.kind === "record") {
      const view = `${hit.lane.partition}@${hit.dot.record.offset}`;
      const search = {
        from: `offset:${hit.dot.record.offset}`,
        partitions: String(hit.lane.partition),
        view,
      };
      void navigate({ to: "/topics/$topic/records", params: { topic }, search });
    } else if (hit?.kind === "segment") props.onSegment(hit.lane.partition, hit.block.segment.baseOffset);
    else if (hit?.kind === "group")
      void navigate({ to: "/groups/$group", params: { group: hit.pin.groupId } });
  }

  const isLink = found && ["record", "segment", "group"].includes(found.hit.kind);
  return (
    <section
      className={css.lanes}
      style={{ height }}
      ref={scroller}
      aria-label="Lanes"
      // Whoever has no mouse scrolls what is larger than the view by the arrow keys.
      tabIndex={below > 0 ? 0 : undefined}
      data-link={isLink || undefined}
    >
      <canvas
        ref={canvas}
        className={css.canvas}
        // As tall as the view before the first frame too, or a still canvas of the browser's size would overflow it.
        style={{ height }}
        role="img"
        aria-label={summary(model)}
        onPointerMove={move}
        onPointerLeave={() => {
          setFound(null);
          drag.current = null;
          if (frame.current) frame.current.hover = null;
        }}
        onPointerDown={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          drag.current = { x: event.clientX - box.left, look: latest.current.look, moved: false };
        }}
        onPointerUp={() => {
          const moved = drag.current?.moved;
          drag.current = null;
          if (!moved) open(found?.hit);
        }}
      />
      <div style={{ height: below }} />
      {found ? (
        <Tip found={found.hit} left={found.x} top={found.y} width={scroller.current?.clientWidth ?? 800} />
      ) : null}
    </section>
  );
}

interface Loop {
  canvas: { current: HTMLCanvasElement | null };
  scroller: { current: HTMLElement | null };
  frame: { current: Frame | null };
  model: LogModel;
  latest: { current: { axis: Axis; look: Look; isPast: boolean } };
  colours: string;
}

/** Draws at every animation frame in which the picture would differ. */
function useLoop({ canvas, scroller, frame, model, latest, colours }: Loop) {
  useLayoutEffect(() => {
    void colours;
    const element = canvas.current;
    const around = scroller.current;
    const context = element?.getContext("2d");
    if (!element || !around || !context) return;
    let palette = readPalette(around);
    void document.fonts?.ready.then(() => {
      palette = readPalette(around);
      drawn = "";
    });
    let view: View | null = null;
    let drawn = "";
    let before = performance.now();
    let request = 0;
    const step = (now: number) => {
      request = requestAnimationFrame(step);
      const width = around.clientWidth;
      const height = around.clientHeight;
      if (width === 0) return;
      const { axis, look } = latest.current;
      const today = Date.now();
      const layout = laneLayout(model.lanes.length);
      const isStill = reducedMotion();
      const goal = target(axis, look, extentOf(axis, model, today), width - GUTTER);
      view = view === null ? goal : ease(view, goal, Math.min(now - before, 100), isStill);
      before = now;
      const scroll = around.scrollTop;
      const hover = frame.current?.hover ?? null;
      const isMoving = model.isMoving(now);
      const state = [
        view.from,
        view.to,
        width,
        height,
        scroll,
        model.version,
        axis,
        hover?.offset,
        isMoving,
        devicePixelRatio,
      ].join();
      if (state === drawn && !isMoving && axis !== "time") return;
      drawn = state;
      resize(element, context, width, height);
      const offset = (position: number) => model.offset(position);
      frame.current = {
        context,
        palette,
        axis,
        view,
        width,
        height,
        layout,
        scroll,
        now,
        today,
        isStill,
        offset,
        hover,
      };
      draw(frame.current, model.lanes);
    };
    request = requestAnimationFrame(step);
    return () => cancelAnimationFrame(request);
  }, [canvas, scroller, frame, model, latest, colours]);
}

function resize(
  element: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
) {
  const ratio = devicePixelRatio || 1;
  const wide = Math.round(width * ratio);
  const tall = Math.round(height * ratio);
  if (element.width !== wide || element.height !== tall) {
    element.width = wide;
    element.height = tall;
    element.style.width = `${width}px`;
    element.style.height = `${height}px`;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}

function summary(model: LogModel): string {
  const lanes = model.lanes.slice(0, 12).map((lane) => {
    const behind = lane.pins.map((pin) => `${pin.groupId} ${lane.watermark - pin.at} behind`).join(", ");
    return `partition ${lane.partition} from ${lane.cursors.logStartOffset} to ${lane.cursors.logEndOffset}${behind ? `, ${behind}` : ""}`;
  });
  return `Lanes of the topic: ${lanes.join("; ")}. The same is in the table.`;
}

/** Where the tour finds what it speaks of. */
function locate(frame: Frame, model: LogModel, canvas: HTMLCanvasElement, feature: Feature): Box | null {
  const outer = canvas.getBoundingClientRect();
  const { layout } = frame;
  const index = bestLane(model, feature);
  const lane = model.lanes[index];
  if (!lane) return null;
  const to = pixels(frame, lane);
  const top = outer.top + RULER + index * layout.height - frame.scroll;
  const block = (from: number, until: number): Box => {
    const left = Math.max(to(from), GUTTER);
    const right = Math.min(Math.max(to(until), left + 14), frame.width);
    return {
      left: outer.left + left,
      top: top + layout.top - 3,
      width: right - left,
      height: layout.bottom - layout.top + 6,
    };
  };
  const pin = (at: number): Box => ({
    left: outer.left + to(at) - 10,
    top: top + 4,
    width: 20,
    height: layout.height - 8,
  });
  const last = lane.dots.at(-1);
  switch (feature) {
    case "lane":
      return { left: outer.left, top, width: outer.width, height: layout.height };
    case "record":
    case "key":
      return last ? block(last.offset, last.offset + 1) : null;
    case "end":
      return pin(lane.end);
    case "segment":
      return block(lane.blocks.at(-1)?.base ?? lane.start, lane.end);
    case "watermark":
      return pin(lane.watermark);
    case "start":
      return pin(lane.start);
    case "group":
      return lane.pins[0] ? pin(lane.pins[0].at) : null;
    case "lag":
      return lane.pins[0] ? block(lane.pins[0].at, lane.watermark) : null;
  }
}

/** The lane that shows a feature best. */
function bestLane(model: LogModel, feature: Feature): number {
  const score = (lane: Lane) => {
    if (feature === "group") return lane.pins.length * 1e6 + lane.dots.length;
    if (feature === "lag") return Math.max(0, ...lane.pins.map((pin) => lane.watermark - pin.at));
    if (feature === "record" || feature === "key") return lane.dots.length;
    return lane.end - lane.start;
  };
  let best = 0;
  model.lanes.forEach((lane, index) => {
    if (score(lane) > score(model.lanes[best] as Lane)) best = index;
  });
  return best;
}
