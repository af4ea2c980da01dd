// What lies under the pointer, in words.

import { bytes, count, duration, many, moment } from "../../text/format";
import { minus } from "../../text/long";
import { preview } from "../../text/payload";
import type { Hit } from "./hit";
import css from "./log.module.css";
import type { Lane } from "./model";

/** How far behind a group is, with the time where the next record it has to read is at hand. */
export function behind(lane: Lane, committed: string): { records: string; ms: number | null } {
  const records = minus(lane.cursors.highWatermark, committed);
  const next = lane.dots.find((dot) => dot.record.offset === committed);
  const ms =
    next && !records.startsWith("-") && records !== "0" ? Date.now() - Number(next.record.timestampMs) : null;
  return { records, ms };
}

function Lines({ found }: { found: Hit }) {
  const { lane } = found;
  const { cursors } = lane;
  switch (found.kind) {
    case "record": {
      const { record } = found.dot;
      return (
        <>
          <strong className="mono">{`${lane.partition} / ${count(record.offset)}`}</strong>
          <span className="mono clip">{`${preview(record.key, 60)} = ${preview(record.value, 120)}`}</span>
          <span className="muted">{`${moment(record.timestampMs)} · ${bytes(record.size)} · press to open`}</span>
        </>
      );
    }
    case "segment": {
      const { segment } = found.block;
      return (
        <>
          <strong className="mono">{`${segment.baseOffset.padStart(20, "0")}.log`}</strong>
          <span>{`${segment.isActive ? "Active segment" : "Closed segment"}, ${bytes(segment.sizeBytes)}, from offset ${count(segment.baseOffset)}`}</span>
          <span className="muted">press for its files, indexes and batches</span>
        </>
      );
    }
    case "group": {
      const committed =
        lane.positions.find((one) => one.groupId === found.pin.groupId)?.committedOffset ?? "0";
      const lag = behind(lane, committed);
      return (
        <>
          <strong>{found.pin.groupId}</strong>
          <span>{`has read up to ${count(committed)}`}</span>
          <span className="muted">
            {lag.records === "0"
              ? "nothing left to read"
              : `${many(lag.records, "record")} behind${lag.ms === null ? "" : ` · ${duration(lag.ms)}`}`}
          </span>
        </>
      );
    }
    case "watermark":
      return (
        <>
          <strong>High watermark {count(cursors.highWatermark)}</strong>
          <span className="muted">Records before it are safe, and readers see them.</span>
        </>
      );
    case "end":
      return (
        <>
          <strong>Log end {count(cursors.logEndOffset)}</strong>
          <span className="muted">The offset that the next record gets.</span>
        </>
      );
    case "start":
      return (
        <>
          <strong>Log start {count(cursors.logStartOffset)}</strong>
          <span className="muted">The first record that is still kept.</span>
        </>
      );
    case "stable":
      return (
        <>
          <strong>Last stable offset {count(cursors.lastStableOffset)}</strong>
          <span className="muted">Behind it lies an open transaction; read_committed stops here.</span>
        </>
      );
    case "lane":
      return (
        <>
          <strong>Partition {lane.partition}</strong>
          <span className="muted">{`${many(minus(cursors.logEndOffset, cursors.logStartOffset), "record")}, ${bytes(lane.bytes)}${lane.segmentCount === null ? "" : `, ${many(lane.segmentCount, "segment")}`}`}</span>
        </>
      );
  }
}

export function Tip({ found, left, top, width }: { found: Hit; left: number; top: number; width: number }) {
  const isRight = left > width - 340;
  return (
    <div
      className={css.tip}
      style={{
        top: top + 16,
        left: isRight ? undefined : left + 12,
        right: isRight ? width - left + 8 : undefined,
      }}
    >
      <Lines found={found} />
    </div>
  );
}
