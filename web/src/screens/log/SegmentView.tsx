// One segment: its files, its batches, the header of a batch byte by byte, and the entries of its indexes.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { get, path } from "../../api/client";
import { batch, batches, segments } from "../../api/queries";
import type { Batch, Long, Segment, Time } from "../../api/types";
import { bytes, count, moment } from "../../text/format";
import { compare } from "../../text/long";
import { Button, Segmented } from "../../ui/controls";
import { Failed, Loading, Pill, Scroll, Tag } from "../../ui/data";
import { Dialog } from "../../ui/overlay";
import { fromHex, Schoolbook } from "../records/Hex";

type Show = "batches" | "offset" | "time";

interface Index {
  kind: string;
  total: number;
  entries: { offset: Long; position: Long | null; timestampMs: Time | null }[];
}

function Files({ segment }: { segment: Segment }) {
  const name = segment.baseOffset.padStart(20, "0");
  const files: [string, string][] = [
    [".log", bytes(segment.sizeBytes)],
    [".index", bytes(segment.offsetIndexBytes)],
    [".timeindex", bytes(segment.timeIndexBytes)],
    ...(segment.hasTxnIndex ? [[".txnindex", "aborted transactions"] as [string, string]] : []),
  ];
  return (
    <dl className="facts">
      {files.map(([ending, size]) => (
        <div key={ending} style={{ display: "contents" }}>
          <dt className="mono">{`${name}${ending}`}</dt>
          <dd className="mono">{size}</dd>
        </div>
      ))}
      <dt>Offsets</dt>
      <dd className="mono">{`${count(segment.baseOffset)} to before ${count(segment.nextOffset)}`}</dd>
      {segment.maxTimestampMs === "-1" ? null : (
        <>
          <dt>Latest record</dt>
          <dd className="mono">{moment(segment.maxTimestampMs)}</dd>
        </>
      )}
    </dl>
  );
}

function flags(one: Batch): string {
  const found = [one.compression === "none" ? null : one.compression];
  if (one.isTransactional) found.push("transactional");
  if (one.isControl) found.push("control");
  return found.filter(Boolean).join(", ") || "–";
}

function BatchTable(props: { list: Batch[]; open: string | null; onOpen: (baseOffset: string) => void }) {
  return (
    <Scroll>
      <table aria-label="Batches">
        <thead>
          <tr>
            <th scope="col" className="num">
              Offsets
            </th>
            <th scope="col" className="num">
              Records
            </th>
            <th scope="col" className="num">
              At byte
            </th>
            <th scope="col" className="num">
              Size
            </th>
            <th scope="col">Producer</th>
            <th scope="col">Kind</th>
          </tr>
        </thead>
        <tbody>
          {props.list.map((one) => (
            <tr key={one.baseOffset} className={one.baseOffset === props.open ? "current" : undefined}>
              <td className="num">
                <Button small look="ghost" onPress={() => props.onOpen(one.baseOffset)}>
                  {one.baseOffset === one.lastOffset
                    ? count(one.baseOffset)
                    : `${count(one.baseOffset)}–${count(one.lastOffset)}`}
                </Button>
              </td>
              <td className="num">{one.records}</td>
              <td className="num">{count(one.position)}</td>
              <td className="num">{bytes(one.size)}</td>
              <td className="mono">
                {one.producerId === "-1" ? "–" : `${one.producerId}/${one.producerEpoch}`}
              </td>
              <td>
                <span className="small muted">{flags(one)}</span>{" "}
                {one.isCrcValid === false ? <Pill tone="bad">damaged</Pill> : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Batches({ topic, partition, segment }: { topic: string; partition: number; segment: Segment }) {
  const [open, setOpen] = useState<string | null>(null);
  const { data, error } = useQuery(batches(topic, partition, segment.baseOffset));
  const detail = useQuery({ ...batch(topic, partition, open ?? "0"), enabled: open !== null });
  if (error) return <Failed error={error} />;
  if (!data) return <Loading lines={3} />;
  const list = data.batches.filter(
    (one) => segment.isActive || compare(one.baseOffset, segment.nextOffset) < 0,
  );
  if (list.length === 0) return <p className="muted small">No batch yet.</p>;
  return (
    <div className="stack">
      <BatchTable list={list} open={open} onOpen={setOpen} />
      {detail.data ? (
        <Schoolbook
          data={fromHex(detail.data.headerHex)}
          fields={detail.data.fields}
          label="Header of the batch"
        />
      ) : (
        <p className="small muted">Press a batch to read its header, byte by byte.</p>
      )}
    </div>
  );
}

function IndexEntries(props: {
  topic: string;
  partition: number;
  segment: Segment;
  kind: "offset" | "time";
}) {
  const { topic, partition, segment, kind } = props;
  const { data, error } = useQuery({
    queryKey: ["index", topic, partition, segment.baseOffset, kind],
    queryFn: () =>
      get<Index>(path`/topics/${topic}/partitions/${partition}/segments/${segment.baseOffset}/index`, {
        kind,
        limit: 200,
      }),
  });
  if (error) return <Failed error={error} />;
  if (!data) return <Loading lines={3} />;
  if (data.entries.length === 0) {
    return (
      <p className="small muted">
        No entries yet: one is added for every few kilobytes of records (index.interval.bytes).
      </p>
    );
  }
  return (
    <Scroll>
      <table aria-label="Entries of the index">
        <thead>
          <tr>
            {kind === "time" ? <th scope="col">Time</th> : null}
            <th scope="col" className="num">
              Offset
            </th>
            {kind === "offset" ? (
              <th scope="col" className="num">
                At byte
              </th>
            ) : null}
          </tr>
        </thead>
        <tbody>
          {data.entries.map((entry, at) => (
            <tr key={at}>
              {kind === "time" ? (
                <td className="mono">{entry.timestampMs ? moment(entry.timestampMs) : "–"}</td>
              ) : null}
              <td className="num">{count(entry.offset)}</td>
              {kind === "offset" ? <td className="num">{count(entry.position)}</td> : null}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function SegmentView(props: {
  topic: string;
  partition: number;
  baseOffset: string;
  onOpen: (baseOffset: string) => void;
  onClose: () => void;
}) {
  const { topic, partition, baseOffset } = props;
  const { data, error } = useQuery(segments(topic, partition));
  const [show, setShow] = useState<Show>("batches");
  const at = data?.segments.findIndex((one) => one.baseOffset === baseOffset) ?? -1;
  const segment = data?.segments[at];
  return (
    <Dialog
      shape="drawer"
      isOpen
      onClose={props.onClose}
      title={
        <span className="row">
          {`Partition ${partition}, segment ${count(baseOffset)}`}{" "}
          {segment?.isActive ? <Tag>active</Tag> : null}
        </span>
      }
    >
      {error ? <Failed error={error} /> : null}
      {!data && !error ? <Loading lines={3} /> : null}
      {data && !segment ? (
        <p className="muted">It is gone: deleted by retention, or compacted away.</p>
      ) : null}
      {data && segment ? (
        <>
          <div className="row">
            <Button
              small
              isDisabled={at <= 0}
              onPress={() => props.onOpen(data.segments[at - 1]?.baseOffset ?? baseOffset)}
            >
              Older
            </Button>
            <Button
              small
              isDisabled={at >= data.segments.length - 1}
              onPress={() => props.onOpen(data.segments[at + 1]?.baseOffset ?? baseOffset)}
            >
              Newer
            </Button>
            <span className="tiny muted">{`${at + 1} of ${data.segments.length}`}</span>
          </div>
          <Files segment={segment} />
          <Segmented
            label="What to show of it"
            value={show}
            onChange={setShow}
            options={[
              ["batches", "Batches"],
              ["offset", "Offset index"],
              ["time", "Time index"],
            ]}
          />
          {show === "batches" ? (
            <Batches topic={topic} partition={partition} segment={segment} />
          ) : (
            <IndexEntries topic={topic} partition={partition} segment={segment} kind={show} />
          )}
        </>
      ) : null}
    </Dialog>
  );
}
