// The same as the lanes, as a table.

import { Link } from "@tanstack/react-router";
import { bytes, count, duration } from "../../text/format";
import { minus } from "../../text/long";
import { Scroll } from "../../ui/data";
import css from "./log.module.css";
import type { LogModel } from "./model";
import { behind } from "./Tip";

export function Twin({ topic, model }: { topic: string; model: LogModel }) {
  return (
    <Scroll>
      <table className={css.twin} aria-label="Partitions and cursors">
        <thead>
          <tr>
            <th scope="col" className="num">
              Partition
            </th>
            <th scope="col" className="num">
              Log start
            </th>
            <th scope="col" className="num">
              Last stable
            </th>
            <th scope="col" className="num">
              High watermark
            </th>
            <th scope="col" className="num">
              Log end
            </th>
            <th scope="col" className="num">
              Records/s
            </th>
            <th scope="col" className="num">
              Size
            </th>
            <th scope="col" className="num">
              Segments
            </th>
            <th scope="col">Groups</th>
          </tr>
        </thead>
        <tbody>
          {model.lanes.map((lane) => (
            <tr key={lane.partition}>
              <td className="num">
                <Link
                  data-row=""
                  to="/topics/$topic/records"
                  params={{ topic }}
                  search={{ partitions: String(lane.partition) }}
                  aria-label={`Records of partition ${lane.partition}`}
                >
                  {lane.partition}
                </Link>
              </td>
              <td className="num">{count(lane.cursors.logStartOffset)}</td>
              <td className="num">{count(lane.cursors.lastStableOffset)}</td>
              <td className="num">{count(lane.cursors.highWatermark)}</td>
              <td className="num">{count(lane.cursors.logEndOffset)}</td>
              <td className="num">{lane.rate === 0 ? "–" : count(Math.round(lane.rate))}</td>
              <td className="num">{bytes(lane.bytes)}</td>
              <td className="num">
                {lane.segmentCount === null ? (
                  "–"
                ) : (
                  <Link
                    to="/topics/$topic/log"
                    params={{ topic }}
                    search={(before: object) => ({
                      ...before,
                      segment: `${lane.partition}@${lane.blocks[0]?.segment.baseOffset ?? "0"}`,
                    })}
                    aria-label={`${lane.segmentCount} segments of partition ${lane.partition}`}
                  >
                    {lane.segmentCount}
                  </Link>
                )}
              </td>
              <td>
                {lane.positions.length === 0 ? <span className="muted">–</span> : null}
                {lane.positions.map((position) => {
                  const lag = behind(lane, position.committedOffset);
                  return (
                    <div key={position.groupId} className="small">
                      <Link to="/groups/$group" params={{ group: position.groupId }}>
                        {position.groupId}
                      </Link>{" "}
                      <span className="muted">
                        {`at ${count(position.committedOffset)}, `}
                        {minus(lag.records, "0") === "0"
                          ? "nothing left"
                          : `${count(lag.records)} behind${lag.ms === null ? "" : `, ${duration(lag.ms)}`}`}
                      </span>
                    </div>
                  );
                })}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
