// How things are shown: states, numbers over time, what is missing, what failed.

import { type ReactNode, useEffect, useState } from "react";
import { ApiError, isMissingRoute } from "../api/client";
import { count } from "../text/format";
import { approximately } from "../text/long";
import { Button } from "./controls";
import css from "./data.module.css";
import { Icon, type IconName } from "./icons";

export type Tone = "plain" | "good" | "warn" | "bad";

export function Pill({ tone = "plain", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={tone === "plain" ? css.pill : `${css.pill} ${css[tone]}`}>{children}</span>;
}

export function Tag({ children }: { children: ReactNode }) {
  return <span className={css.tag}>{children}</span>;
}

/** A place with nothing in it: what belongs there and how it gets there. */
/** What is wider than a narrow screen, and can be moved by the keyboard, too. */
export function Scroll({ children }: { children: ReactNode }) {
  return (
    <div className="scroll" tabIndex={0}>
      {children}
    </div>
  );
}

export function Blank(props: { icon?: IconName; title: string; children?: ReactNode; isBad?: boolean }) {
  return (
    <div className={css.blank} role={props.isBad ? "alert" : undefined}>
      <span className={css.blankArt} data-bad={props.isBad || undefined}>
        <Icon name={props.icon ?? (props.isBad ? "warn" : "topics")} size={22} />
      </span>
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

/** What to show where an answer should be. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  if (isMissingRoute(error)) {
    return (
      <Blank icon="help" title="This broker does not tell">
        <p>Its version of the console’s API has no such view.</p>
      </Blank>
    );
  }
  const api = error instanceof ApiError ? error : null;
  return (
    <Blank isBad title={api?.message ?? "Something went wrong in the console"}>
      <p>
        {api ? (api.hint ?? "") : String(error)}
        {api ? <span className="mono muted"> {api.code}</span> : null}
      </p>
      {retry ? <Button onPress={retry}>Try again</Button> : null}
    </Blank>
  );
}

const BONES = ["92%", "74%", "86%", "62%", "80%"];

/** Where something is on its way. Shown only when it takes long enough to be noticed. */
export function Loading({ lines = 5 }: { lines?: number }) {
  const [isShown, show] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => show(true), 180);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={css.bones} role="status" aria-label="Loading">
      {isShown
        ? BONES.slice(0, lines).map((width) => <span key={width} className={css.bone} style={{ width }} />)
        : null}
    </div>
  );
}

export function Stat({ name, children, title }: { name: string; children: ReactNode; title?: string }) {
  return (
    <div className={css.stat} title={title}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Stats({ children }: { children: ReactNode }) {
  return <dl className={css.stats}>{children}</dl>;
}

export function Banner({
  kind = "plain",
  children,
}: {
  kind?: "plain" | "warn" | "bad";
  children: ReactNode;
}) {
  return (
    <div className={css.banner} data-kind={kind} role={kind === "plain" ? undefined : "status"}>
      {kind === "plain" ? null : <Icon name="warn" />}
      <div className="grow">{children}</div>
    </div>
  );
}

/** Share of a whole. */
export function Meter(props: { part: number; whole: number; label: string; warnsHigh?: boolean }) {
  const { part, whole, label } = props;
  const share = whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;
  return (
    <svg
      className={css.meter}
      viewBox="0 0 100 6"
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
      data-high={(props.warnsHigh && share > 0.85) || undefined}
    >
      <rect width="100" height="6" />
      <rect width={share * 100} height="6" />
    </svg>
  );
}

/** A line without axes. The number it ends with stands beside it. */
export function Sparkline({ values, label }: { values: readonly string[]; label: string }) {
  if (values.length < 2) return <span className="muted tiny">–</span>;
  const heights = values.map(approximately);
  const top = Math.max(...heights, 1);
  const step = 96 / (heights.length - 1);
  const line = heights
    .map((height, at) => `${(at * step).toFixed(1)},${(22 - (height / top) * 20).toFixed(1)}`)
    .join("L");
  return (
    <svg className={css.spark} viewBox="0 0 96 24" role="img" aria-label={label}>
      <path d={`M0,24L${line}L96,24Z`} />
      <path d={`M${line}`} />
    </svg>
  );
}

/** Puts text on the clipboard and says so. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    if (!isDone) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [isDone]);
  return (
    <Button
      small
      icon
      look="ghost"
      aria-label={isDone ? "Copied" : label}
      onPress={() => {
        void navigator.clipboard?.writeText(text).then(() => setDone(true));
      }}
    >
      <Icon name={isDone ? "done" : "copy"} size={14} />
    </Button>
  );
}

export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div className={css.codeBox}>
      <pre className={css.code} tabIndex={0} aria-label={label} role="region">
        {text}
      </pre>
      <span className={css.copy}>
        <CopyButton text={text} label={`Copy ${label}`} />
      </span>
    </div>
  );
}

/** A column's name that sorts by it: ascending, descending. `sort` is `field` or `-field`. */
export function SortHead(props: {
  field: string;
  sort: string;
  onSort: (sort: string) => void;
  isNumber?: boolean;
  children: ReactNode;
}) {
  const { field, sort } = props;
  const isUp = sort === field;
  const isDown = sort === `-${field}`;
  const first = props.isNumber ? `-${field}` : field;
  const second = props.isNumber ? field : `-${field}`;
  return (
    <th
      scope="col"
      className={props.isNumber ? "num" : undefined}
      aria-sort={isUp ? "ascending" : isDown ? "descending" : undefined}
    >
      <button
        type="button"
        className={css.sort}
        data-on={isUp || isDown || undefined}
        onClick={() => props.onSort(sort === first ? second : first)}
      >
        {props.children} <span aria-hidden="true">{isUp ? "↑" : isDown ? "↓" : ""}</span>
      </button>
    </th>
  );
}

export function Pager(props: {
  page: number;
  size: number;
  total: number;
  onPage: (page: number) => void;
  what: string;
}) {
  const { page, size, total } = props;
  const last = Math.max(0, Math.ceil(total / size) - 1);
  return (
    <nav className={css.pager} aria-label="Pages">
      <span>
        {total === 0
          ? `No ${props.what}`
          : `${count(page * size + 1)} – ${count(Math.min(total, (page + 1) * size))} of ${count(total)} ${props.what}`}
      </span>
      {last > 0 ? (
        <span className="row">
          <Button small isDisabled={page === 0} onPress={() => props.onPage(page - 1)}>
            Previous
          </Button>
          <Button small isDisabled={page >= last} onPress={() => props.onPage(page + 1)}>
            Next
          </Button>
        </span>
      ) : null}
    </nav>
  );
}

export function stateTone(state: string): Tone {
  if (state === "Stable") return "good";
  if (state === "Dead") return "bad";
  return state === "Empty" ? "plain" : "warn";
}
