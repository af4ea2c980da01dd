// Twelve words, each pointed at where it lives on this screen. Where one is, is kept in the address and, for the
// next time, in this browser.

import { useEffect, useState } from "react";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icons";
import type { Box, Feature, LanesHandle } from "./Lanes";
import css from "./log.module.css";

interface Mark {
  word: string;
  points: Feature | { at: string };
  text: string;
  tryIt: string;
}

export const MARKS: readonly Mark[] = [
  {
    word: "Topic",
    points: { at: "h1" },
    text: "A topic is a named log. Programs append records at its end, and any number of others read it, each at its own pace. Reading takes nothing away.",
    tryIt: "Everything on this page is one topic.",
  },
  {
    word: "Partition",
    points: "lane",
    text: "A topic is cut into partitions: these lanes. Each is a log of its own, so lanes are written and read side by side. Order holds within a lane, not between lanes.",
    tryIt: "More lanes can be added under ⋯, but never taken away.",
  },
  {
    word: "Offset",
    points: "end",
    text: "Every record of a partition has a number, its offset. The dashed line is the log end: the offset that the next record will get.",
    tryIt: "Press Send below and watch it move on by one.",
  },
  {
    word: "Key",
    points: { at: "[data-learn=produce]" },
    text: "A record may have a key. Its hash chooses the lane: the same key always goes to the same lane, so the records of one key stay in order. The line below the fields shows the sum.",
    tryIt: "Send temperature twice, then windspeed.",
  },
  {
    word: "Segment",
    points: "segment",
    text: "On disk a partition is a row of files, the segments. Only the last is written to; when it is full, a new one begins. Whole segments are what retention deletes.",
    tryIt: "Press a segment to see its files, its batches and their bytes.",
  },
  {
    word: "High watermark",
    points: "watermark",
    text: "Records before the high watermark are held by every replica that is in sync. Only these are given to readers, so nobody reads what could still be lost.",
    tryIt: "With one broker it follows the log end at once.",
  },
  {
    word: "Consumer group",
    points: "group",
    text: "Readers that share a name are a group. Its members divide the lanes among them: each lane is read by one member. The flag shows how far the group has come.",
    tryIt: "Start one: ottla consume THIS-TOPIC --from start -g readers",
  },
  {
    word: "Commit",
    points: "group",
    text: "A group writes down how far it has read: it commits an offset. After a restart it goes on from there. What was read but not committed is read again.",
    tryIt: "Stop the reader, start it again: it goes on where the flag is.",
  },
  {
    word: "Lag",
    points: "lag",
    text: "Lag is the distance from a group’s flag to the high watermark: what is written but not yet read. It is counted in records, and better understood in seconds.",
    tryIt: "Stop the reader, send ten a second, and see the bar grow.",
  },
  {
    word: "Rebalance",
    points: { at: "[data-learn=groups]" },
    text: "When a member comes or goes, the lanes are divided anew: a rebalance. Meanwhile nobody reads. The group’s page shows when that happened, and why.",
    tryIt: "Start a second reader in the same group, then open the group.",
  },
  {
    word: "Retention",
    points: "start",
    text: "Records are not kept for ever: after retention.ms, or beyond retention.bytes, the oldest segments go, and the log start moves on. Offsets are never given again.",
    tryIt: "See Config for how long this topic keeps its records.",
  },
  {
    word: "Compaction",
    points: "record",
    text: "A compacted topic keeps the last record of each key instead, for ever: the log becomes a table. A record without a value, a tombstone, removes its key.",
    tryIt: "Set cleanup.policy=compact under Config to see it happen.",
  },
];

const KEY = "ottla.learn";

export function rememberedStep(): number {
  const kept = Number(localStorage.getItem(KEY) ?? "1");
  return Number.isInteger(kept) && kept >= 1 && kept <= MARKS.length ? kept : 1;
}

function find(points: Mark["points"], lanes: LanesHandle | null): Box | null {
  if (typeof points === "string") return lanes?.locate(points) ?? null;
  const box = document.querySelector(points.at)?.getBoundingClientRect();
  return box
    ? { left: box.left - 6, top: box.top - 6, width: box.width + 12, height: box.height + 12 }
    : null;
}

export function Learn(props: {
  step: number;
  lanes: { current: LanesHandle | null };
  onStep: (step: number | undefined) => void;
}) {
  const { step, lanes, onStep } = props;
  const mark = MARKS[step - 1] ?? (MARKS[0] as Mark);
  const [box, setBox] = useState<Box | null>(null);
  useEffect(() => {
    localStorage.setItem(KEY, String(step));
  }, [step]);
  useEffect(() => {
    // What is pointed at moves with the log.
    let request = 0;
    const follow = () => {
      const next = find(mark.points, lanes.current);
      setBox((before) => (JSON.stringify(before) === JSON.stringify(next) ? before : next));
      request = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(request);
  }, [mark, lanes]);
  return (
    <>
      {box ? <div className={css.spot} style={{ ...box }} /> : null}
      <section className={css.coach} aria-label="Guided tour" aria-live="polite">
        <div className="row">
          <h2>{mark.word}</h2>
          <span className="tiny muted grow">{`${step} of ${MARKS.length}`}</span>
          <Button small icon look="ghost" aria-label="End the tour" onPress={() => onStep(undefined)}>
            <Icon name="close" size={12} />
          </Button>
        </div>
        <p>{mark.text}</p>
        <p className="small muted">{mark.tryIt}</p>
        {box ? null : <p className="small muted">There is none here yet.</p>}
        <div className={css.coachFoot}>
          <ol className={css.steps} aria-hidden="true">
            {MARKS.map((one, at) => (
              <li
                key={one.word}
                data-seen={at < step - 1 || undefined}
                data-here={at === step - 1 || undefined}
              />
            ))}
          </ol>
          <span className="row">
            <Button small isDisabled={step === 1} onPress={() => onStep(step - 1)}>
              Back
            </Button>
            <Button
              small
              look="primary"
              onPress={() => {
                if (step < MARKS.length) return onStep(step + 1);
                localStorage.removeItem(KEY);
                onStep(undefined);
              }}
            >
              {step === MARKS.length ? "Done" : "Next"}
            </Button>
          </span>
        </div>
      </section>
    </>
  );
}
