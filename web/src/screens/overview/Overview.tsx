// The broker at a glance: whether it is well, how much it holds, what moves, and what happened lately.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { has } from "../../api/client";
import { events, overview, topics } from "../../api/queries";
import type { BrokerEvent, Overview as OverviewAnswer } from "../../api/types";
import { AbsentNote } from "../../shell/Absent";
import { useNow } from "../../shell/asof";
import { bytes, clock, count, duration, many } from "../../text/format";
import { minus } from "../../text/long";
import { cluster } from "../../text/snippets";
import { Blank, CopyButton, Failed, Loading, Meter, Pill, Sparkline, Stat, Stats } from "../../ui/data";
import { Icon } from "../../ui/icons";
import { PageHead } from "../../ui/page";
import css from "./overview.module.css";

interface Rates {
  in: number;
  out: number;
  requests: number;
}

const POINTS = 60;

/** Rates of the last two minutes, from answer to answer. */
function useRates(answer: OverviewAnswer | undefined): Rates[] {
  const before = useRef<OverviewAnswer | undefined>(undefined);
  const [rates, setRates] = useState<Rates[]>([]);
  useEffect(() => {
    const last = before.current;
    before.current = answer;
    if (!answer?.totals || !last?.totals) return;
    const seconds = Number(minus(answer.nowMs, last.nowMs)) / 1000;
    if (seconds <= 0) return;
    const rate = (now: string, then: string) => Math.max(0, Number(minus(now, then)) / seconds);
    const next = {
      in: rate(answer.totals.bytesIn, last.totals.bytesIn),
      out: rate(answer.totals.bytesOut, last.totals.bytesOut),
      requests: rate(answer.totals.requests, last.totals.requests),
    };
    setRates((all) => [...all.slice(1 - POINTS), next]);
  }, [answer]);
  return rates;
}

function Flow({ name, values, text }: { name: string; values: number[]; text: string }) {
  return (
    <div className={css.flow}>
      <span className="muted tiny">{name}</span>
      <strong>{text}</strong>
      <Sparkline
        values={values.map((value) => String(Math.round(value)))}
        label={`${name}, last two minutes`}
      />
    </div>
  );
}

function Event({ event }: { event: BrokerEvent }) {
  return (
    <li>
      <span className="mono tiny muted">{clock(event.timeMs, false)}</span>
      <span className="grow">
        {event.text}{" "}
        {event.groupId ? (
          <Link to="/groups/$group" params={{ group: event.groupId }}>
            {event.groupId}
          </Link>
        ) : event.topic ? (
          <Link to="/topics/$topic/log" params={{ topic: event.topic }}>
            {event.topic}
          </Link>
        ) : null}
      </span>
    </li>
  );
}

const TOLD =
  "topic.created,topic.deleted,topic.config,topic.partitions,segment.rolled,segment.deleted,log.compacted,log.purged,group.joined,group.left,group.rebalance,group.deleted,connection.failed,leader.changed,directory.failed";

function Lately() {
  const { data } = useQuery(events({ kinds: TOLD, limit: 12 }));
  if (!data) return null;
  return (
    <section className="card" aria-labelledby="lately">
      <h2 id="lately" className={css.cardHead}>
        Lately
      </h2>
      {data.events.length === 0 ? (
        <p className="pad muted small">Nothing has happened since the broker started.</p>
      ) : (
        <ol className={css.events}>
          {data.events.map((event) => (
            <Event key={event.seq} event={event} />
          ))}
        </ol>
      )}
    </section>
  );
}

function Largest() {
  const { data } = useQuery(topics({ sort: "-sizeBytes", size: 6 }));
  if (!data) return null;
  const most = Math.max(1, ...data.items.map((row) => Number(row.sizeBytes)));
  return (
    <section className="card" aria-labelledby="largest">
      <h2 id="largest" className={css.cardHead}>
        Largest topics
      </h2>
      {data.items.length === 0 ? (
        <Blank title="No topics yet">
          <p>
            <Link to="/topics" search={{ create: true }}>
              Create one
            </Link>
            , or write to one with any client.
          </p>
        </Blank>
      ) : (
        <ul className={css.largest}>
          {data.items.map((row) => (
            <li key={row.topicId}>
              <Link data-row="" to="/topics/$topic/log" params={{ topic: row.name }} className="clip">
                {row.name}
              </Link>
              <Meter
                part={Number(row.sizeBytes)}
                whole={most}
                label={`${row.name}: ${bytes(row.sizeBytes)}`}
              />
              <span className="num">{bytes(row.sizeBytes)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Disks({ data }: { data: OverviewAnswer }) {
  return (
    <section className="card" aria-labelledby="disks">
      <h2 id="disks" className={css.cardHead}>
        Data directories
      </h2>
      <ul className={css.disks}>
        {data.logDirs.map((dir) => {
          const total = dir.totalBytes ?? "0";
          const used = Number(minus(total, dir.usableBytes ?? "0"));
          return (
            <li key={dir.path}>
              <span className="row">
                <span className="mono grow wrap">{dir.path}</span>
                <Pill tone={dir.isOnline ? "good" : "bad"}>{dir.isOnline ? "online" : "offline"}</Pill>
              </span>
              <Meter warnsHigh part={used} whole={Number(total)} label={`${dir.path}: share in use`} />
              <span className="tiny muted">{`${bytes(dir.usableBytes)} free of ${bytes(dir.totalBytes)}, ${many(dir.partitions, "partition")}`}</span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export function Overview() {
  const { data, error, refetch } = useQuery(overview());
  const rates = useRates(data);
  const now = useNow();
  const bootstrap = useBootstrap();
  const last = rates.at(-1);
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  return (
    <>
      <PageHead
        title="Overview"
        beside={
          <Pill tone={data.notReady || data.counts.offlinePartitions > 0 ? "warn" : "good"}>
            {data.notReady
              ? "starting"
              : data.counts.offlinePartitions > 0
                ? "partitions offline"
                : "healthy"}
          </Pill>
        }
        snippets={cluster(bootstrap)}
      />
      <section className={`card ${css.hero}`} aria-label="At a glance">
        <div className={css.address}>
          <span className="muted tiny">Clients connect to</span>
          <span className="row">
            <code className={css.bootstrap}>{bootstrap}</code>
            <CopyButton text={bootstrap} label="Copy the address" />
          </span>
          {has("/connect") ? (
            <Link to="/connect" className="small">
              From elsewhere, or trouble? Connect <Icon name="right" size={10} />
            </Link>
          ) : null}
        </div>
        <Stats>
          <Stat name="Topics">{count(data.counts.topics)}</Stat>
          <Stat name="Partitions">{count(data.counts.partitions)}</Stat>
          <Stat name="Groups">{count(data.counts.groups)}</Stat>
          {data.counts.connections === null ? null : (
            <Stat name="Connections">{count(data.counts.connections)}</Stat>
          )}
          <Stat name="Data">{bytes(data.logBytes)}</Stat>
          {data.startedMs === null ? null : (
            <Stat name="Running for">{duration(Math.max(0, now - Number(data.startedMs)))}</Stat>
          )}
        </Stats>
        {data.totals === null ? null : (
          <div className={css.flows}>
            <Flow name="Coming in" values={rates.map((rate) => rate.in)} text={`${bytes(last?.in ?? 0)}/s`} />
            <Flow
              name="Going out"
              values={rates.map((rate) => rate.out)}
              text={`${bytes(last?.out ?? 0)}/s`}
            />
            <Flow
              name="Requests"
              values={rates.map((rate) => rate.requests)}
              text={`${count(Math.round(last?.requests ?? 0))}/s`}
            />
          </div>
        )}
      </section>
      <div className="grid2">
        <Largest />
        {data.logDirs.length > 0 ? <Disks data={data} /> : null}
      </div>
      {has("/events") ? (
        <Lately />
      ) : (
        <AbsentNote what="What happened lately, connections and rates are not here." />
      )}
      <p className="tiny muted mono wrap">
        {["cluster", data.clusterId, ...(data.brokerId === null ? [] : ["· broker", data.brokerId])].join(
          " ",
        )}
        {` · ottla ${data.version}`}
      </p>
    </>
  );
}
