// The list of records: only the rows in view are in the page, however many there are.

import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useRef } from "react";
import type { RecordRow } from "../../api/types";
import { parseSearch, stringifySearch } from "../../search";
import { ago, bytes, clock, count, iso, moment } from "../../text/format";
import { payloadJson, pick, preview } from "../../text/payload";
import css from "./records.module.css";

export type Times = "local" | "utc" | "relative";

const ROW = 34;

function when(record: RecordRow, times: Times): string {
  if (record.timestampMs === "-1") return "no time";
  if (times === "utc") return iso(record.timestampMs);
  return times === "relative" ? ago(record.timestampMs, Date.now()) : moment(record.timestampMs);
}

// A plain link: while records stream in, forty of them are made anew ten times a second.
interface RowProps {
  href: string;
  onOpen: (view: string) => void;
  record: RecordRow;
  times: Times;
  fields: readonly string[];
  isOpen: boolean;
  top: number;
  index: number;
}

const Row = memo(function Row({ href, onOpen, record, times, fields, isOpen, top, index }: RowProps) {
  const view = `${record.partition}@${record.offset}`;
  const json = fields.length > 0 ? payloadJson(record.value) : null;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={css.row}
      data-open={isOpen || undefined}
      data-lane={record.partition % 8}
      style={{ transform: `translateY(${top}px)` }}
    >
      <span role="cell" className={css.time} title={clock(record.timestampMs)}>
        {when(record, times)}
      </span>
      <span role="cell" className={css.place}>
        <a
          data-row=""
          href={href}
          className={css.open}
          aria-label={`Record ${view}`}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            onOpen(view);
          }}
        >
          <b>{record.partition}</b>/{count(record.offset)}
        </a>
      </span>
      <span role="cell" className={css.key}>
        {record.key === null ? <i>null</i> : preview(record.key, 80)}
      </span>
      {fields.map((field) => (
        <span role="cell" key={field} className={css.picked}>
          {pick(json, field) ?? ""}
        </span>
      ))}
      <span role="cell" className={css.value}>
        {record.value === null ? <i>tombstone</i> : preview(record.value)}
      </span>
      <span role="cell" className={css.size}>
        {bytes(record.size)}
      </span>
    </div>
  );
});

export function Grid(props: {
  topic: string;
  records: readonly RecordRow[];
  times: Times;
  fields: readonly string[];
  view: string | undefined;
  onEnd?: () => void;
  label: string;
}) {
  const { topic, records, fields, view, onEnd } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: records.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 12,
  });
  const navigate = useNavigate();
  const open = useCallback(
    (chosen: string) =>
      void navigate({
        to: "/topics/$topic/records",
        params: { topic },
        search: (before: object) => ({ ...before, view: chosen }),
        resetScroll: false,
      }),
    [navigate, topic],
  );
  const hrefOf = (chosen: string) =>
    `${window.location.pathname}${stringifySearch({ ...parseSearch(window.location.search), view: chosen })}`;
  const shown = rows.getVirtualItems();
  const lastShown = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (onEnd && records.length > 0 && lastShown >= records.length - 20) onEnd();
  }, [lastShown, records.length, onEnd]);

  return (
    <div className={css.grid} ref={scroller} tabIndex={0} role="region" aria-label={`${props.label}, list`}>
      <div
        role="table"
        aria-label={props.label}
        aria-rowcount={records.length + 1}
        className={css.table}
        data-picked={Math.min(fields.length, 4)}
      >
        <div role="row" aria-rowindex={1} className={css.heads}>
          <span role="columnheader">Time</span>
          <span role="columnheader">Partition/offset</span>
          <span role="columnheader">Key</span>
          {fields.map((field) => (
            <span role="columnheader" key={field} className="mono">
              {field}
            </span>
          ))}
          <span role="columnheader">Value</span>
          <span role="columnheader" className={css.size}>
            Size
          </span>
        </div>
        <div role="rowgroup" className={css.body} style={{ height: rows.getTotalSize() }}>
          {shown.map((item) => {
            const record = records[item.index];
            if (!record) return null;
            const id = `${record.partition}@${record.offset}`;
            return (
              <Row
                key={item.index}
                href={hrefOf(id)}
                onOpen={open}
                record={record}
                times={props.times}
                fields={fields}
                isOpen={id === view}
                top={item.start}
                index={item.index}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}
