// Transactions: which are open and for how long, and where they hold back readers of committed records.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { has } from "../../api/client";
import { blocked, transactions } from "../../api/queries";
import type { Blocked, Blocker, TransactionRow } from "../../api/types";
import { AbsentPage } from "../../shell/Absent";
import { useAt } from "../../shell/asof";
import { ChangeButton } from "../../shell/ChangeButton";
import { count, duration, many } from "../../text/format";
import { listTransactions } from "../../text/snippets";
import { Button, Choice } from "../../ui/controls";
import { Blank, Code, Failed, Loading, Meter, Pill, SortHead, type Tone } from "../../ui/data";
import { ListSearch, ListTable, ListTools, list } from "../../ui/list";
import { PageHead } from "../../ui/page";
import { AbortHanging } from "./Abort";
import css from "./transactions.module.css";
import { stateText, stateTone, verdictText } from "./words";

const route = getRouteApi("/transactions");

const STATES = [
  ["", "Any state"],
  ["Ongoing", "Open"],
  ["PrepareCommit,PrepareAbort", "Being ended"],
  ["CompleteCommit,CompleteAbort", "Ended"],
  ["Empty", "Never used"],
] as const;

const VERDICT_TONES: { [verdict: string]: Tone } = {
  open: "plain",
  ending: "good",
  late: "warn",
  hanging: "bad",
};

/** How much of its timeout a transaction has used up. */
function Age({ row }: { row: TransactionRow }) {
  if (row.ageMs === null) return <span className="muted">–</span>;
  const age = Number(row.ageMs);
  return (
    <span className={css.age}>
      <span>{`${duration(age)} of ${duration(row.timeoutMs)}`}</span>
      <Meter
        part={age}
        whole={row.timeoutMs}
        label={`${duration(age)} of ${duration(row.timeoutMs)}`}
        warnsHigh
      />
    </span>
  );
}

function Row({ row }: { row: TransactionRow }) {
  const topics = [...new Set(row.partitions.map((one) => one.topic))];
  return (
    <tr>
      <td>
        <Link data-row="" className={list.name} to="/transactions/$id" params={{ id: row.transactionalId }}>
          {row.transactionalId}
        </Link>
        <div className="tiny muted clip">{topics.slice(0, 3).join(", ")}</div>
      </td>
      <td>
        <Pill tone={stateTone(row)}>{stateText(row)}</Pill>
      </td>
      <td>
        <Age row={row} />
      </td>
      <td className="num">{row.partitionCount === 0 ? "–" : count(row.partitionCount)}</td>
      <td className={`num ${list.wide}`}>
        {row.producerId}
        <span className="muted">{` e${row.producerEpoch}`}</span>
      </td>
    </tr>
  );
}

function Who({ place, blocker, onAbort }: { place: Blocked; blocker: Blocker; onAbort: () => void }) {
  return (
    <div className={css.who}>
      <Pill tone={VERDICT_TONES[blocker.verdict] ?? "plain"}>{blocker.verdict}</Pill>
      <span className="grow">
        {blocker.transactionalId === null ? (
          <span className="mono">{`producer ${blocker.producerId}`}</span>
        ) : (
          <Link to="/transactions/$id" params={{ id: blocker.transactionalId }}>
            {blocker.transactionalId}
          </Link>
        )}
        <span className="small muted">{` ${verdictText(blocker)}`}</span>
      </span>
      {blocker.verdict === "hanging" ? (
        <ChangeButton
          small
          look="danger"
          onPress={onAbort}
          aria-label={`Abort in ${place.topic}/${place.partition}`}
        >
          Abort…
        </ChangeButton>
      ) : null}
    </div>
  );
}

/** Where readers of committed records do not get on, and who is to blame. */
function Hidden({ topic }: { topic: string | undefined }) {
  const { data, error } = useQuery(blocked(topic));
  const [aborting, abort] = useState<{ place: Blocked; blocker: Blocker } | null>(null);
  if (error && !data) return <Failed error={error} />;
  if (!data) return <Loading lines={2} />;
  const most = Math.max(1, ...data.partitions.map((place) => Number(place.hidden)));
  const hangs = data.partitions.some((place) => place.open.some((one) => one.verdict === "hanging"));
  return (
    <section className="card" aria-label="Hidden from readers of committed records">
      <div className={css.cardHead}>
        <h2>Hidden from read_committed</h2>
        <span className="small muted">
          {data.partitions.length === 0
            ? "Every reader sees everything: no partition has an open transaction."
            : `${many(data.partitions.length, "partition")}: what lies behind the last stable offset waits for the first transaction there to end`}
        </span>
      </div>
      {hangs ? (
        <p className={css.hang}>
          A hanging transaction is known to no coordinator: nobody will end it, and readers wait for ever.
        </p>
      ) : null}
      <ul className={css.places}>
        {data.partitions.slice(0, 50).map((place) => (
          <li key={`${place.topic}/${place.partition}`}>
            <div className={css.place}>
              <Link
                className={list.name}
                to="/topics/$topic/log"
                params={{ topic: place.topic }}
              >{`${place.topic}/${place.partition}`}</Link>
              <span className="mono small">{many(Number(place.hidden), "offset")}</span>
              <Meter
                part={Number(place.hidden)}
                whole={most}
                label={`${count(place.hidden)} offsets are hidden`}
              />
              <span className="mono tiny muted">{`${count(place.lastStableOffset)} ⟶ ${count(place.highWatermark)}`}</span>
            </div>
            <div className={css.whos}>
              {place.open.slice(0, 5).map((blocker) => (
                <Who
                  key={blocker.firstOffset}
                  place={place}
                  blocker={blocker}
                  onAbort={() => abort({ place, blocker })}
                />
              ))}
              {place.open.length > 5 ? (
                <span className="tiny muted">{`and ${many(place.open.length - 5, "other", "others")} behind`}</span>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
      {aborting ? <AbortHanging {...aborting} onClose={() => abort(null)} /> : null}
    </section>
  );
}

function Table() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const at = useAt();
  const sort = search.sort ?? "-ageMs";
  const { data, error, refetch } = useQuery(
    transactions({ q: search.q, state: search.state, topic: search.topic, sort, page: search.page ?? 0, at }),
  );
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data) return <Loading />;
  if (data.total === 0 && !search.q && !search.state && !search.topic) {
    return (
      <Blank icon="transactions" title={at ? "No transactional ids then" : "No transactions yet"}>
        <p>
          A producer with a transactional.id writes to several partitions, and readers see all of it or
          nothing. What it does shows up here.
        </p>
        <div className={list.first}>
          <Code text={listTransactions(bootstrap)[0]?.text ?? ""} label="command" />
        </div>
      </Blank>
    );
  }
  if (data.total === 0) return <Blank icon="search" title="No transactional id matches" />;
  const onSort = (next: string) =>
    void navigate({ search: (before) => ({ ...before, sort: next, page: undefined }) });
  const head = (field: string, text: string, isNumber = false) => (
    <SortHead field={field} sort={sort} onSort={onSort} isNumber={isNumber}>
      {text}
    </SortHead>
  );
  return (
    <ListTable
      label="Transactional ids"
      data={data}
      what={["transactional id", "transactional ids"]}
      onPage={(page) => void navigate({ search: (before) => ({ ...before, page }) })}
      head={
        <>
          {head("transactionalId", "Transactional id")}
          {head("state", "State")}
          {head("ageMs", "Open for")}
          {head("partitions", "Partitions", true)}
          <th scope="col" className={`num ${list.wide}`}>
            Producer
          </th>
        </>
      }
    >
      {data.items.map((row) => (
        <Row key={row.transactionalId} row={row} />
      ))}
    </ListTable>
  );
}

export function Transactions() {
  return has("/transactions") ? <Everything /> : <AbsentPage title="Transactions" />;
}

function Everything() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const at = useAt();
  const change = (more: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...more, page: undefined }), replace: true });
  return (
    <>
      <PageHead title="Transactions" snippets={listTransactions(bootstrap)} />
      {at ? null : <Hidden topic={search.topic} />}
      <section className="card" aria-label="Transactional ids">
        <ListTools>
          <ListSearch
            label="Search transactional ids"
            placeholder="Search by transactional id"
            value={search.q}
            onChange={(q) => change({ q })}
          />
          <div className="row">
            {search.topic ? (
              <Button small onPress={() => change({ topic: undefined })}>{`Only ${search.topic} ×`}</Button>
            ) : null}
            <Choice
              label="State"
              hideLabel
              value={(search.state ?? "") as (typeof STATES)[number][0]}
              onChange={(state) => change({ state: state || undefined })}
              options={STATES}
            />
          </div>
        </ListTools>
        <Table />
      </section>
    </>
  );
}
