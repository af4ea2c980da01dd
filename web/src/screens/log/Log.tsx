// The live map of a topic: its lanes, everything that moves on them, and a box to write into them.

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { useBootstrap } from "../../api/bootstrap";
import { has } from "../../api/client";
import { topic as topicQuery } from "../../api/queries";
import { useAt, useWhyNot } from "../../shell/asof";
import { useKeys } from "../../shell/keys";
import { count, many } from "../../text/format";
import { minus, sum } from "../../text/long";
import { follow } from "../../text/snippets";
import { Button, Segmented } from "../../ui/controls";
import { Failed, Loading } from "../../ui/data";
import { Icon } from "../../ui/icons";
import { ShowAs } from "../../ui/page";
import { Lanes, type LanesHandle } from "./Lanes";
import { Learn, rememberedStep } from "./Learn";
import css from "./log.module.css";
import type { LogModel } from "./model";
import { ProduceDock } from "./ProduceDock";
import { SegmentView } from "./SegmentView";
import { FOLLOW, type Look } from "./scale";
import { Twin } from "./Twin";
import { useLog } from "./useLog";

const route = getRouteApi("/topics/$topic/log");
const LIT_MS = 900;

function Legend({ topic, model }: { topic: string; model: LogModel }) {
  const lag = (groupId: string) =>
    sum(
      model.lanes.flatMap((lane) => {
        const position = lane.positions.find((one) => one.groupId === groupId);
        return position ? [minus(lane.cursors.highWatermark, position.committedOffset)] : [];
      }),
    );
  const hidden = model.lanes.filter((lane) => lane.stable < lane.watermark).length;
  return (
    <ul className={css.legend} aria-label="Legend" data-learn="groups">
      <li>
        <svg viewBox="0 0 14 12" aria-hidden="true">
          <path d="M9 1H4v10h5" fill="none" stroke="var(--n6)" strokeWidth="1.5" />
        </svg>
        log start
      </li>
      {hidden > 0 ? (
        <li>
          <svg viewBox="0 0 14 12" aria-hidden="true">
            <path d="m7 1 5 5-5 5-5-5z" fill="var(--warn)" />
          </svg>
          <Link to="/transactions" search={{ topic }}>
            last stable offset: {many(hidden, "partition")} held back by transactions
          </Link>
        </li>
      ) : null}
      <li>
        <svg viewBox="0 0 14 12" aria-hidden="true">
          <path d="m7 2 5 8H2z" fill="var(--accent)" />
        </svg>
        high watermark
      </li>
      <li>
        <svg viewBox="0 0 14 12" aria-hidden="true">
          <path d="m4 1 7 5-7 5z" fill="var(--n8)" />
        </svg>
        log end
      </li>
      {model.groups().map((groupId) => {
        const behind = lag(groupId);
        return (
          <li key={groupId}>
            <span className={css.swatch} data-hue={model.groupHue(groupId)} />
            <Link to="/groups/$group" params={{ group: groupId }}>
              {groupId}
            </Link>
            <span>{behind === "0" ? "has read all" : `${count(behind)} behind`}</span>
          </li>
        );
      })}
      {model.keys(4).map(({ key, hue }) => (
        <li key={key}>
          <span className={css.swatch} data-shape="dot" data-hue={hue} />
          <span className="clip">{key}</span>
        </li>
      ))}
      {model.groups().length === 0 ? <li>no group reads this topic yet</li> : null}
    </ul>
  );
}

function liveText(
  state: string,
  at: string | undefined,
  isPaused: boolean,
  waiting: number,
  rate: number,
): string {
  if (at) return "as it was then";
  if (isPaused) return waiting > 0 ? `paused, ${count(waiting)} changes waiting` : "paused";
  if (state !== "live") return state === "lost" ? "connection lost" : "connecting…";
  return rate > 0 ? `live, ${count(Math.round(rate))} records/s` : "live";
}

export function Log() {
  const { topic } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const at = useAt();
  const whyNot = useWhyNot();
  const bootstrap = useBootstrap();
  const [isPaused, setPaused] = useState(false);
  const [look, setLook] = useState<Look>(FOLLOW);
  const lanes = useRef<LanesHandle>(null);
  const { model, state, waiting, error } = useLog(topic, at, isPaused);
  // Those without a leader have no lane, and keys go to them, too.
  const described = useQuery(topicQuery(topic));
  const axis = search.axis ?? "offset";
  const change = (more: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...more }), replace: true, resetScroll: false });

  useKeys({
    t: () => change({ table: search.table ? undefined : true }),
    l: () => change({ learn: search.learn ? undefined : rememberedStep() }),
    " ": () => setPaused(!isPaused),
    "+": () => lanes.current?.zoom(0.7),
    "-": () => lanes.current?.zoom(1.4),
    "0": () => setLook(FOLLOW),
  });

  const isLive = state === "live" && !isPaused && !at;
  const hasSegments = has("/topics/{topic}/partitions/{partition}/segments");
  const [partition, baseOffset] = (hasSegments && search.segment?.split("@")) || [];
  return (
    <>
      <section className={`card ${css.card}`} aria-label="Log">
        <div className={css.tools}>
          <span className={css.state} data-live={isLive || undefined} data-testid="log-state">
            {liveText(state, at, isPaused, waiting, model.rate())}
          </span>
          {at ? null : (
            <Button small onPress={() => setPaused(!isPaused)} aria-pressed={isPaused}>
              <Icon name={isPaused ? "play" : "pause"} size={12} /> {isPaused ? "Go on" : "Pause"}
            </Button>
          )}
          <span className="grow" />
          <Segmented
            label="Axis"
            value={axis}
            onChange={(next) => {
              setLook(FOLLOW);
              change({ axis: next === "offset" ? undefined : next });
            }}
            options={[
              ["offset", "Offset"],
              ["time", "Time"],
              ["bytes", "Bytes"],
            ]}
          />
          <Button small icon aria-label="Nearer" onPress={() => lanes.current?.zoom(0.7)}>
            +
          </Button>
          <Button small icon aria-label="Farther" onPress={() => lanes.current?.zoom(1.4)}>
            −
          </Button>
          <Button
            small
            onPress={() => setLook(look === FOLLOW ? { span: Number.MAX_SAFE_INTEGER, back: 0 } : FOLLOW)}
          >
            {look === FOLLOW ? "Show all" : "Follow"}
          </Button>
          <Button
            small
            aria-pressed={search.table ?? false}
            onPress={() => change({ table: search.table ? undefined : true })}
          >
            <Icon name="table" size={14} /> Table
          </Button>
          <Button small onPress={() => change({ learn: search.learn ? undefined : rememberedStep() })}>
            <Icon name="help" size={14} /> Learn
          </Button>
          <ShowAs small snippets={follow(bootstrap, topic)} />
        </div>
        {error ? (
          <Failed error={error} />
        ) : model.lanes.length === 0 ? (
          <Loading lines={4} />
        ) : (
          <Lanes
            ref={lanes}
            topic={topic}
            model={model}
            axis={axis}
            look={look}
            onLook={setLook}
            isPast={at !== undefined}
            onSegment={(of, base) => change({ segment: `${of}@${base}` })}
          />
        )}
        <Legend topic={topic} model={model} />
        {whyNot === null ? (
          <ProduceDock
            topic={topic}
            partitions={described.data?.partitions ?? Math.max(1, model.lanes.length)}
            onSent={(to) => model.light(to, performance.now() + LIT_MS)}
          />
        ) : (
          <p className={`row muted small ${css.locked}`}>
            <Icon name="lock" size={14} /> {whyNot}
          </p>
        )}
      </section>
      {search.table ? (
        <section className="card" aria-label="The log as a table">
          <Twin topic={topic} model={model} />
        </section>
      ) : null}
      {search.learn ? (
        <Learn step={Math.min(search.learn, 12)} lanes={lanes} onStep={(step) => change({ learn: step })} />
      ) : null}
      {partition !== undefined && baseOffset !== undefined ? (
        <SegmentView
          topic={topic}
          partition={Number(partition)}
          baseOffset={baseOffset}
          onOpen={(base) => change({ segment: `${partition}@${base}` })}
          onClose={() => change({ segment: undefined })}
        />
      ) : null}
    </>
  );
}
