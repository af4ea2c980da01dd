// A topic's partitions: where they are and from where to where their logs reach.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useBootstrap } from "../../api/bootstrap";
import { topic } from "../../api/queries";
import type { PartitionRow } from "../../api/types";
import { useAt } from "../../shell/asof";
import { bytes, count, many } from "../../text/format";
import { minus } from "../../text/long";
import { describeTopic } from "../../text/snippets";
import { Failed, Loading, Meter, Pill, Scroll } from "../../ui/data";
import { ListTools } from "../../ui/list";
import { ShowAs } from "../../ui/page";
import css from "./config.module.css";

const route = getRouteApi("/topics/$topic/partitions");

function Row({ name, row, most }: { name: string; row: PartitionRow; most: number }) {
  const cursors = row.cursors;
  const held = cursors ? minus(cursors.logEndOffset, cursors.logStartOffset) : "0";
  return (
    <tr>
      <td className="num">
        <Link
          data-row=""
          to="/topics/$topic/records"
          params={{ topic: name }}
          search={{ partitions: String(row.partition) }}
          aria-label={`Records of partition ${row.partition}`}
        >
          {row.partition}
        </Link>
      </td>
      <td className="num">{count(held)}</td>
      <td>
        <Meter part={Number(held)} whole={most} label={many(held, "record")} />
      </td>
      <td className="num">{count(cursors?.logStartOffset)}</td>
      <td className="num">
        {cursors && cursors.lastStableOffset !== cursors.highWatermark ? (
          <Link
            to="/transactions"
            search={{ topic: name }}
            title="An open transaction hides what lies behind"
          >
            {count(cursors.lastStableOffset)}
          </Link>
        ) : (
          <span className="muted">{count(cursors?.lastStableOffset)}</span>
        )}
      </td>
      <td className="num">{count(cursors?.highWatermark)}</td>
      <td className="num">{count(cursors?.logEndOffset)}</td>
      <td className="num">{bytes(cursors?.sizeBytes)}</td>
      <td className="num">{cursors?.segments ?? "–"}</td>
      <td className="num">{row.isOffline ? <Pill tone="bad">offline</Pill> : row.leader}</td>
      <td className="num">{row.leaderEpoch}</td>
      <td className="num">{row.isr.join(" ")}</td>
      <td>
        <span className="mono tiny muted">{row.logDir}</span>
      </td>
    </tr>
  );
}

export function Partitions() {
  const { topic: name } = route.useParams();
  const at = useAt();
  const bootstrap = useBootstrap();
  const { data, error, refetch } = useQuery(topic(name, at));
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  const sizes = data.partitionList.map((row) =>
    row.cursors ? Number(minus(row.cursors.logEndOffset, row.cursors.logStartOffset)) : 0,
  );
  const heads = [
    "Partition",
    "Records",
    "",
    "Log start",
    "Last stable",
    "High watermark",
    "Log end",
    "Size",
    "Segments",
  ];
  return (
    <section className="card" aria-label="Partitions">
      <ListTools>
        <h2>Partitions</h2>
        <ShowAs small snippets={describeTopic(bootstrap, name)} />
      </ListTools>
      <Scroll>
        <table>
          <thead>
            <tr>
              {heads.map((head) => (
                <th key={head} scope="col" className={head ? "num" : css.lane}>
                  {head || <span className="sr">Share of the largest</span>}
                </th>
              ))}
              <th scope="col" className="num">
                Leader
              </th>
              <th scope="col" className="num">
                Epoch
              </th>
              <th scope="col" className="num">
                In sync
              </th>
              <th scope="col">Directory</th>
            </tr>
          </thead>
          <tbody>
            {data.partitionList.map((row) => (
              <Row key={row.partition} name={name} row={row} most={Math.max(1, ...sizes)} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </section>
  );
}
