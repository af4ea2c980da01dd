// One record, from its value down to the bytes of the batch it came in.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { apiUrl, path } from "../../api/client";
import { batch, record } from "../../api/queries";
import type { Payload, RecordDetail } from "../../api/types";
import { ChangeButton } from "../../shell/ChangeButton";
import { bytes, count, iso, many, moment } from "../../text/format";
import { readJson } from "../../text/json";
import { decodeBase64, payloadBytes, preview } from "../../text/payload";
import { Button, Segmented } from "../../ui/controls";
import { Code, CopyButton, Failed, Loading, Tag } from "../../ui/data";
import data from "../../ui/data.module.css";
import { Icon } from "../../ui/icons";
import { ProduceDialog } from "../produce/ProduceDialog";
import { fromHex, Hex, Schoolbook } from "./Hex";
import { Journey } from "./Journey";
import { JsonView } from "./JsonView";
import css from "./records.module.css";
import { Trail } from "./Trail";

export type ScopeTab = "value" | "key" | "headers" | "bytes" | "journey" | "neighbours";

const TABS: [ScopeTab, string][] = [
  ["value", "Value"],
  ["key", "Key"],
  ["headers", "Headers"],
  ["bytes", "Bytes"],
  ["journey", "Journey"],
  ["neighbours", "Neighbours"],
];

function PayloadView({ payload, whole, what }: { payload: Payload | null; whole: string; what: string }) {
  const json = payload?.text && !payload.truncated ? readJson(payload.text) : null;
  const views = [
    ...(json ? (["json"] as const) : []),
    ...(payload?.text != null ? (["text"] as const) : []),
    "hex" as const,
  ];
  const [chosen, choose] = useState<string | null>(null);
  if (payload === null) {
    return (
      <p className="muted">
        {what === "value" ? "null: a tombstone. In a compacted topic it deletes its key." : "null"}
      </p>
    );
  }
  const view = views.find((one) => one === chosen) ?? views[0];
  return (
    <div className="stack">
      <div className="row">
        <Segmented
          label="Shown as"
          value={view ?? "hex"}
          onChange={choose}
          options={views.map(
            (one) => [one, one === "json" ? "JSON" : one === "text" ? "Text" : "Hex"] as const,
          )}
        />
        <span className="muted tiny">{bytes(payload.size)}</span>
        <span className="grow" />
        {payload.text !== null ? <CopyButton text={payload.text} label={`Copy the ${what}`} /> : null}
        <a className="tiny" href={whole} download>
          Download
        </a>
      </div>
      {payload.truncated ? (
        <p className="tiny muted">Only the beginning is shown; the download has all of it.</p>
      ) : null}
      {view === "json" && json ? (
        <div className={css.json}>
          <JsonView json={json} />
        </div>
      ) : null}
      {view === "text" ? <Code text={payload.text ?? ""} label={what} /> : null}
      {view === "hex" ? <Hex data={payloadBytes(payload)} /> : null}
    </div>
  );
}

function Bytes({ topic, detail }: { topic: string; detail: RecordDetail }) {
  const [of, setOf] = useState<"record" | "batch">("record");
  const { partition } = detail.record;
  const found = useQuery({ ...batch(topic, partition, detail.batch.baseOffset), enabled: of === "batch" });
  return (
    <div className="stack">
      <div className="row">
        <Segmented
          label="Bytes of"
          value={of}
          onChange={setOf}
          options={[
            ["record", "The record"],
            ["batch", "Its batch’s header"],
          ]}
        />
        <span className="tiny muted">
          {`record ${detail.indexInBatch + 1} of ${count(detail.batch.records)}, ${detail.batch.compression === "none" ? "not compressed" : `compressed with ${detail.batch.compression}`}`}
        </span>
      </div>
      {of === "record" ? (
        <Schoolbook
          data={decodeBase64(detail.recordBase64)}
          fields={detail.recordFields}
          label="Fields of the record"
        />
      ) : null}
      {of === "batch" && found.data ? (
        <Schoolbook
          data={fromHex(found.data.headerHex)}
          fields={found.data.fields}
          label="Fields of the batch"
        />
      ) : null}
      {of === "batch" && found.error ? <Failed error={found.error} /> : null}
      {detail.index ? <Trail detail={detail} index={detail.index} /> : null}
    </div>
  );
}

function Neighbours({ topic, detail }: { topic: string; detail: RecordDetail }) {
  const { record: here, previousOffset, nextOffset } = detail;
  const goTo = (offset: string, text: string) => (
    <Link
      to="/topics/$topic/records"
      params={{ topic }}
      search={(before: object) => ({ ...before, view: `${here.partition}@${offset}` })}
      resetScroll={false}
    >
      {text}
    </Link>
  );
  return (
    <dl className="facts">
      <dt>Before it</dt>
      <dd>{previousOffset === null ? "–" : goTo(previousOffset, `offset ${count(previousOffset)}`)}</dd>
      <dt>After it</dt>
      <dd>{nextOffset === null ? "–" : goTo(nextOffset, `offset ${count(nextOffset)}`)}</dd>
      <dt>With the same key</dt>
      <dd>
        {here.key?.text ? (
          <Link
            to="/topics/$topic/records"
            params={{ topic }}
            search={{
              key: here.key.text,
              partitions: String(here.partition),
              view: `${here.partition}@${here.offset}`,
            }}
          >
            {preview(here.key, 60)}
          </Link>
        ) : (
          "–"
        )}
      </dd>
      <dt>Written with it</dt>
      <dd>{`${many(detail.batch.records, "record")} in one batch, offsets ${count(detail.batch.baseOffset)} to ${count(detail.batch.lastOffset)}`}</dd>
    </dl>
  );
}

function Facts({ detail }: { detail: RecordDetail }) {
  const { record: here, batch: its } = detail;
  return (
    <dl className="facts">
      <dt>Time</dt>
      <dd>
        <span className="mono">{moment(here.timestampMs)}</span>{" "}
        <span className="tiny muted">{iso(here.timestampMs)}</span>{" "}
        <Tag>{here.timestampType === "CreateTime" ? "set by the producer" : "set by the broker"}</Tag>
      </dd>
      <dt>Leader epoch</dt>
      <dd className="mono">{here.leaderEpoch}</dd>
      {its.producerId === "-1" ? null : (
        <>
          <dt>Producer</dt>
          <dd className="mono">{`${its.producerId}, epoch ${its.producerEpoch}, sequence ${its.baseSequence + detail.indexInBatch}`}</dd>
        </>
      )}
    </dl>
  );
}

/** On a narrow screen, the chosen tab may be beside it. */
function intoView(element: HTMLElement | null) {
  element?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

export function Microscope(props: {
  topic: string;
  view: string;
  tab: ScopeTab;
  onTab: (tab: ScopeTab) => void;
  onClose: () => void;
}) {
  const { topic, view, tab } = props;
  const [partition, offset] = view.split("@") as [string, string];
  const { data: detail, error } = useQuery(record(topic, Number(partition), offset));
  const [isProducing, setProducing] = useState(false);
  const at = path`/topics/${topic}/partitions/${partition}/records/${offset}`;
  return (
    <aside className={css.scope} aria-label={`Record ${view}`}>
      <div className={css.scopeHead}>
        <div className="row">
          <h2 className="grow mono clip">{`${topic}/${partition}@${count(offset)}`}</h2>
          {detail ? (
            <ChangeButton small onPress={() => setProducing(true)}>
              Produce again…
            </ChangeButton>
          ) : null}
          <Button small icon look="ghost" aria-label="Close the record" onPress={props.onClose}>
            <Icon name="close" size={14} />
          </Button>
        </div>
        <div className={data.tabs} role="tablist" aria-label="Parts of the record">
          {TABS.map(([id, text]) => (
            <button
              key={id}
              ref={id === tab ? intoView : undefined}
              type="button"
              role="tab"
              aria-selected={id === tab}
              tabIndex={id === tab ? 0 : -1}
              className={css.tab}
              onClick={() => props.onTab(id)}
              onKeyDown={(event) => {
                const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
                if (step === 0) return;
                const next = TABS[(TABS.findIndex(([one]) => one === id) + step + TABS.length) % TABS.length];
                if (!next) return;
                props.onTab(next[0]);
                const buttons =
                  event.currentTarget.parentElement?.querySelectorAll<HTMLElement>("[role=tab]");
                buttons?.[TABS.indexOf(next)]?.focus();
              }}
            >
              {text}
              {id === "headers" && detail?.record.headers.length ? ` ${detail.record.headers.length}` : ""}
            </button>
          ))}
        </div>
      </div>
      <div className={css.scopeBody} role="tabpanel" aria-label={tab}>
        {error ? <Failed error={error} /> : null}
        {!detail && !error ? <Loading lines={3} /> : null}
        {detail && tab === "value" ? (
          <>
            <PayloadView payload={detail.record.value} whole={apiUrl(`${at}/value`)} what="value" />
            <Facts detail={detail} />
          </>
        ) : null}
        {detail && tab === "key" ? (
          <>
            <PayloadView payload={detail.record.key} whole={apiUrl(`${at}/key`)} what="key" />
            {detail.record.keyHash ? (
              <p className="small muted">
                murmur2 of the key is <span className="mono">{detail.record.keyHash}</span>.
              </p>
            ) : null}
          </>
        ) : null}
        {detail && tab === "headers" ? (
          detail.record.headers.length === 0 ? (
            <p className="muted">No headers.</p>
          ) : (
            <dl className="facts">
              {detail.record.headers.map((header, index) => (
                <div key={index} style={{ display: "contents" }}>
                  <dt className="mono">{header.key}</dt>
                  <dd className="mono">{preview(header.value, 4000)}</dd>
                </div>
              ))}
            </dl>
          )
        ) : null}
        {detail && tab === "bytes" ? <Bytes topic={topic} detail={detail} /> : null}
        {detail && tab === "journey" ? <Journey topic={topic} record={detail.record} /> : null}
        {detail && tab === "neighbours" ? <Neighbours topic={topic} detail={detail} /> : null}
      </div>
      {detail && isProducing ? (
        <ProduceDialog topic={topic} like={detail.record} onClose={() => setProducing(false)} />
      ) : null}
    </aside>
  );
}
