// The records of a topic: browse in both directions, search, follow, and look closely at one.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { apiUrl, path } from "../../api/client";
import { topic as topicQuery } from "../../api/queries";
import type { RecordRow } from "../../api/types";
import { useMayChange } from "../../shell/asof";
import { ChangeButton } from "../../shell/ChangeButton";
import { useKeys } from "../../shell/keys";
import { bytes, count, duration } from "../../text/format";
import { commonFields } from "../../text/payload";
import { readRecords } from "../../text/snippets";
import { Button, Segmented } from "../../ui/controls";
import { Blank, Failed, Loading, Meter, Pill } from "../../ui/data";
import { Icon } from "../../ui/icons";
import { Menu } from "../../ui/overlay";
import { ShowAs } from "../../ui/page";
import { ProduceDialog } from "../produce/ProduceDialog";
import { Grid } from "./Grid";
import { Microscope } from "./Microscope";
import { QueryBar } from "./QueryBar";
import css from "./records.module.css";
import { isFiltered, type RecordsSearch, toQuery, useBrowse, useSearching, useTail } from "./source";

const route = getRouteApi("/topics/$topic/records");
const FIELDS_MAX = 4;

type Browse = ReturnType<typeof useBrowse>;
type Searching = ReturnType<typeof useSearching>;
type Tail = ReturnType<typeof useTail>;

function BrowseStatus({ browse, from }: { browse: Browse; from: string | undefined }) {
  return (
    <>
      <span>
        <strong>{count(browse.records.length)}</strong> {browse.records.length === 1 ? "record" : "records"}{" "}
        loaded
      </span>
      {browse.hasPreviousPage && browse.records.length > 0 ? (
        <Button
          small
          look="ghost"
          isDisabled={browse.isFetching}
          onPress={() => void browse.fetchPreviousPage()}
        >
          {from === undefined ? "Load newer" : "Load what is before"}
        </Button>
      ) : null}
      {browse.problems.map((problem) => (
        <Pill key={problem} tone="warn">
          {problem}
        </Pill>
      ))}
    </>
  );
}

const STOPPED: { [reason: string]: string } = {
  limit: "stopped at the first thousand found",
  end: "that is all",
  budget: "stopped by the broker’s memory budget",
};

function SearchStatus({ searching }: { searching: Searching }) {
  const { progress, state } = searching;
  const scanned = Number(progress?.scanned ?? 0);
  const total = Number(progress?.total ?? 0);
  const rate = Number(progress?.recordsPerSecond ?? 0);
  const isRunning = state === "running";
  return (
    <>
      <span aria-live="polite">
        <strong>{count(searching.records.length)}</strong> found
      </span>
      {progress ? (
        <>
          <span className={css.progress}>
            <Meter part={scanned} whole={total} label="How far the search is" />
          </span>
          <span>{`${count(progress.scanned)} of ${count(progress.total)} records, ${bytes(progress.scannedBytes)}`}</span>
          {isRunning && rate > 0 ? (
            <span>{`${count(progress.recordsPerSecond)}/s, ${duration(((total - scanned) / rate) * 1000)} left`}</span>
          ) : null}
        </>
      ) : null}
      {isRunning ? (
        <Button small onPress={searching.cancel}>
          Cancel
        </Button>
      ) : (
        <>
          <span>
            {state === "cancelled" ? "cancelled" : (STOPPED[searching.stoppedBy ?? ""] ?? searching.problem)}
          </span>
          <Button small look="ghost" onPress={searching.again}>
            Search again
          </Button>
        </>
      )}
    </>
  );
}

function TailStatus(props: { tail: Tail; isPaused: boolean; onPause: () => void }) {
  const { tail, isPaused } = props;
  return (
    <>
      <span aria-live="off">
        <strong>{count(tail.received)}</strong> received
        {tail.skipped === "0" ? "" : `, ${count(tail.skipped)} more than could be shown`}
      </span>
      <span>
        {tail.state === "live" ? (isPaused ? "paused, nothing is lost" : "following") : "connecting…"}
      </span>
      {tail.problem ? <span>{tail.problem}</span> : null}
      <Button small onPress={props.onPause}>
        <Icon name={isPaused ? "play" : "pause"} size={12} /> {isPaused ? "Go on" : "Pause"}
      </Button>
    </>
  );
}

function Nothing({
  search,
  topic,
  onProduce,
}: {
  search: RecordsSearch;
  topic: string;
  onProduce?: () => void;
}) {
  if (search.tail) {
    return (
      <Blank icon="play" title="Waiting for records">
        <p>What is written to {topic} from now on appears here, newest on top.</p>
      </Blank>
    );
  }
  if (isFiltered(search)) return <Blank icon="search" title="No record matches" />;
  return (
    <Blank title="No records here">
      <p>
        {search.from
          ? "There is nothing at or after this position."
          : "Nothing has been written yet, or it has been deleted since."}
      </p>
      {onProduce ? (
        <Button look="primary" onPress={onProduce}>
          Produce a record
        </Button>
      ) : null}
    </Blank>
  );
}

function exportUrl(topic: string, search: RecordsSearch, format: "jsonl" | "csv"): string {
  const { from, direction, ...rest } = toQuery(search);
  const start = from === "end" ? { from: "beginning" } : { from, direction };
  return apiUrl(path`/topics/${topic}/records/export`, { ...rest, ...start, format });
}

function download(url: string) {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  link.click();
}

export function Records() {
  const { topic } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const bootstrap = useBootstrap();
  const mayChange = useMayChange();
  const described = useQuery(topicQuery(topic));
  const [isPaused, setPaused] = useState(false);
  const [isProducing, setProducing] = useState(false);

  const isTail = search.tail ?? false;
  const isSearch = !isTail && isFiltered(search);
  const browse = useBrowse(topic, search, !isTail && !isSearch);
  const searching = useSearching(topic, search, isSearch);
  const tail = useTail(topic, search, isTail, isPaused);

  const records: readonly RecordRow[] = isTail ? tail.records : isSearch ? searching.records : browse.records;
  const fields = useMemo(() => commonFields(records.slice(0, 20)), [records]);
  const chosen = (search.fields ?? []).slice(0, FIELDS_MAX);
  const times = search.times ?? "local";
  const error = isTail || isSearch ? null : browse.error;
  const isLoading = !isTail && !isSearch && browse.isPending;

  const change = (more: Partial<typeof search>, replace = false) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace, resetScroll: false });
  const { hasNextPage, isFetching, fetchNextPage } = browse;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);

  useKeys({ escape: () => change({ view: undefined }) }, search.view !== undefined);

  return (
    <section className="card" aria-label="Records">
      <QueryBar
        search={search}
        partitions={described.data?.partitions ?? 1}
        onSearch={(more) => change(more, true)}
      />
      <div className={css.status}>
        <div className={css.found}>
          {isTail ? (
            <TailStatus tail={tail} isPaused={isPaused} onPause={() => setPaused(!isPaused)} />
          ) : null}
          {isSearch ? <SearchStatus searching={searching} /> : null}
          {!isTail && !isSearch ? <BrowseStatus browse={browse} from={search.from} /> : null}
        </div>
        <Button small aria-pressed={isTail} onPress={() => change({ tail: isTail ? undefined : true })}>
          <Icon name={isTail ? "close" : "play"} size={12} /> {isTail ? "Stop following" : "Follow"}
        </Button>
        {fields.length > 0 ? (
          <Menu
            label="Columns"
            small
            actions={fields.map((field) => ({
              id: field,
              text: `${chosen.includes(field) ? "✓ " : ""}${field}`,
              run: () =>
                change({
                  fields: chosen.includes(field) ? chosen.filter((one) => one !== field) : [...chosen, field],
                }),
            }))}
          >
            <Icon name="table" size={14} /> Columns
          </Menu>
        ) : null}
        <Segmented
          label="Times"
          value={times}
          onChange={(next) => change({ times: next === "local" ? undefined : next }, true)}
          options={[
            ["local", "Local"],
            ["utc", "UTC"],
            ["relative", "Ago"],
          ]}
        />
        <Menu
          label="Export"
          small
          actions={[
            { id: "jsonl", text: "As JSON lines", run: () => download(exportUrl(topic, search, "jsonl")) },
            { id: "csv", text: "As CSV", run: () => download(exportUrl(topic, search, "csv")) },
          ]}
        >
          <Icon name="download" size={14} /> Export
        </Menu>
        <ChangeButton small onPress={() => setProducing(true)}>
          <Icon name="plus" size={14} /> Produce
        </ChangeButton>
        <ShowAs small snippets={readRecords(bootstrap, topic, search)} />
      </div>
      <div className={css.split} data-open={search.view ? "" : undefined}>
        {error ? <Failed error={error} retry={() => void browse.refetch()} /> : null}
        {isLoading ? <Loading /> : null}
        {!error && !isLoading && records.length === 0 && !(isSearch && searching.state === "running") ? (
          <Nothing
            search={search}
            topic={topic}
            onProduce={mayChange ? () => setProducing(true) : undefined}
          />
        ) : null}
        {records.length > 0 ? (
          <Grid
            topic={topic}
            records={records}
            times={times}
            fields={chosen}
            view={search.view}
            onEnd={isTail || isSearch ? undefined : onEnd}
            label={`Records of ${topic}`}
          />
        ) : null}
        {search.view ? (
          <Microscope
            topic={topic}
            view={search.view}
            tab={search.tab ?? "value"}
            onTab={(tab) => change({ tab: tab === "value" ? undefined : tab }, true)}
            onClose={() => change({ view: undefined })}
          />
        ) : null}
      </div>
      {isProducing ? <ProduceDialog topic={topic} onClose={() => setProducing(false)} /> : null}
    </section>
  );
}
