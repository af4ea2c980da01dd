// How a reader gets from an offset to its bytes: the index entry, the batch it names, and what is passed over.

import type { IndexTrail, RecordDetail } from "../../api/types";
import { bytes, count, moment } from "../../text/format";
import css from "./records.module.css";

export function Trail({ detail, index }: { detail: RecordDetail; index: IndexTrail }) {
  const { batch, record } = detail;
  const { offsetEntry, timeEntry } = index;
  return (
    <section aria-label="How the indexes lead here">
      <h3 className="small">How the indexes lead here</h3>
      <ol className={css.trail}>
        <li>
          <strong>Segment</strong> The segment with the last base offset that is not behind{" "}
          <span className="mono">{count(record.offset)}</span>: <span className="mono">{index.file}</span>
        </li>
        <li>
          <strong>Offset index</strong>{" "}
          {offsetEntry ? (
            <>
              The last entry that is not behind it says: offset{" "}
              <span className="mono">{count(offsetEntry.offset)}</span> is in the batch at byte{" "}
              <span className="mono">{count(offsetEntry.position)}</span>
            </>
          ) : (
            "No entry is before it, so reading begins at the start of the file"
          )}
        </li>
        <li>
          <strong>Scan</strong>{" "}
          {index.scannedBytes === "0"
            ? "The entry names the batch itself: nothing is passed over"
            : `${bytes(index.scannedBytes)} of other batches are passed over by their headers`}
        </li>
        <li>
          <strong>Batch</strong> <span className="mono">{bytes(batch.size)}</span> at byte{" "}
          <span className="mono">{count(batch.position)}</span>; the record is number{" "}
          <span className="mono">{detail.indexInBatch + 1}</span> of{" "}
          <span className="mono">{count(batch.records)}</span> in it
        </li>
        <li>
          <strong>By time</strong>{" "}
          {timeEntry ? (
            <>
              The time index has <span className="mono">{moment(timeEntry.timestampMs)}</span> for offset{" "}
              <span className="mono">{count(timeEntry.offset)}</span>: who seeks a later time passes over this
              record
            </>
          ) : (
            "The time index has no entry at or behind it yet: who seeks by time reads on from the last one before"
          )}
        </li>
      </ol>
    </section>
  );
}
