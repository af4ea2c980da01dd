// From where, which partitions, and which records. All of it is the page's address.

import { useEffect, useState } from "react";
import { isLong } from "../../text/long";
import { Button, Choice, Text } from "../../ui/controls";
import { Icon } from "../../ui/icons";
import css from "./records.module.css";
import type { RecordsSearch } from "./source";

type Start = "end" | "beginning" | "ago:15m" | "ago:1h" | "ago:1d" | "offset" | "time";

const STARTS: readonly (readonly [Start, string])[] = [
  ["end", "Newest first"],
  ["beginning", "From the beginning"],
  ["ago:15m", "Last 15 minutes"],
  ["ago:1h", "Last hour"],
  ["ago:1d", "Last day"],
  ["offset", "From an offset…"],
  ["time", "From a time…"],
];

function startOf(from: string | undefined): Start {
  if (!from) return "end";
  if (from.startsWith("offset:")) return "offset";
  if (from.startsWith("time:")) return "time";
  return STARTS.find(([start]) => start === from)?.[0] ?? "end";
}

/** `2026-11-26T12:00:05` in local time, as a date field wants it. */
export function localMoment(ms: number): string {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 19);
}

function From({ from, onFrom }: { from: string | undefined; onFrom: (from: string | undefined) => void }) {
  const [asking, setAsking] = useState<Start>(startOf(from));
  useEffect(() => setAsking(startOf(from)), [from]);
  const offset = from?.startsWith("offset:") ? from.slice(7) : "";
  const time = from?.startsWith("time:") ? localMoment(Number(from.slice(5))) : "";
  return (
    <>
      <Choice
        label="Start"
        value={asking}
        options={STARTS}
        onChange={(start) => {
          setAsking(start);
          if (start === "offset") onFrom("offset:0");
          else if (start === "time") onFrom(`time:${Date.now() - 3_600_000}`);
          else onFrom(start === "end" ? undefined : start);
        }}
      />
      {asking === "offset" ? (
        <Text
          label="Offset"
          mono
          inputMode="numeric"
          value={offset}
          onChange={(text) => {
            if (isLong(text) || text === "") onFrom(text === "" ? "offset:0" : `offset:${text}`);
          }}
        />
      ) : null}
      {asking === "time" ? (
        <label className={css.when}>
          <span>Time</span>
          <input
            type="datetime-local"
            step="1"
            value={time}
            onChange={(event) => {
              const ms = new Date(event.target.value).getTime();
              if (!Number.isNaN(ms)) onFrom(`time:${ms}`);
            }}
          />
        </label>
      ) : null}
    </>
  );
}

type Gear = "key" | "header" | "json";

const GEARS: readonly (readonly [Gear, string, string])[] = [
  ["json", "JSON field", '$.city == "London"'],
  ["key", "Key is", "temperature"],
  ["header", "Header", "source:console"],
];

function AddFilter({ onAdd }: { onAdd: (gear: Gear, text: string) => void }) {
  const [gear, setGear] = useState<Gear>("json");
  const [text, setText] = useState("");
  const sample = GEARS.find(([id]) => id === gear)?.[2] ?? "";
  return (
    <form
      className={css.line}
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() === "") return;
        onAdd(gear, text.trim());
        setText("");
      }}
    >
      <Choice
        label="Filter by"
        value={gear}
        onChange={setGear}
        options={GEARS.map(([id, name]) => [id, name] as const)}
      />
      <span className={css.text}>
        <Text label="That holds" value={text} onChange={setText} placeholder={sample} mono />
      </span>
      <Button type="submit" isDisabled={text.trim() === ""}>
        Add
      </Button>
    </form>
  );
}

function Chip({ text, onRemove }: { text: string; onRemove: () => void }) {
  return (
    <span className={css.chip}>
      {text}
      <Button small icon look="ghost" aria-label={`Remove the filter ${text}`} onPress={onRemove}>
        <Icon name="close" size={10} />
      </Button>
    </span>
  );
}

export function QueryBar(props: {
  search: RecordsSearch;
  partitions: number;
  onSearch: (change: Partial<RecordsSearch>) => void;
}) {
  const { search, onSearch } = props;
  const [isAdding, setAdding] = useState(false);
  const [typed, setTyped] = useState(search.q ?? "");
  useEffect(() => setTyped(search.q ?? ""), [search.q]);
  const chips: { text: string; remove: () => void }[] = [];
  if (search.key) chips.push({ text: `key = ${search.key}`, remove: () => onSearch({ key: undefined }) });
  if (search.header)
    chips.push({ text: `header ${search.header}`, remove: () => onSearch({ header: undefined }) });
  if (search.tombstones)
    chips.push({ text: "tombstones", remove: () => onSearch({ tombstones: undefined }) });
  for (const one of search.json ?? []) {
    chips.push({
      text: one,
      remove: () => onSearch({ json: search.json?.filter((other) => other !== one) }),
    });
  }
  return (
    <div className={css.bar}>
      <div className={css.line}>
        {search.tail ? null : (
          <From from={search.from} onFrom={(from) => onSearch({ from, direction: undefined })} />
        )}
        <Choice
          label="Partition"
          value={search.partitions ?? ""}
          onChange={(partitions) => onSearch({ partitions: partitions || undefined })}
          options={[
            ["", "All"] as const,
            ...(search.partitions?.includes(",") ? [[search.partitions, search.partitions] as const] : []),
            ...Array.from({ length: props.partitions }, (_, at) => [String(at), String(at)] as const),
          ]}
        />
        <span className={css.text}>
          <Text
            label="Text in key, value or a header"
            isSearch
            placeholder="Search"
            value={typed}
            onChange={(q) => {
              setTyped(q);
              onSearch({ q: q || undefined });
            }}
          />
        </span>
        <Button onPress={() => setAdding(!isAdding)} aria-expanded={isAdding}>
          <Icon name="plus" size={14} /> Filter
        </Button>
      </div>
      {isAdding ? (
        <AddFilter
          onAdd={(gear, text) => {
            if (gear === "json") onSearch({ json: [...(search.json ?? []), text] });
            else onSearch({ [gear]: text });
          }}
        />
      ) : null}
      {chips.length > 0 ? (
        <div className="row">
          {chips.map((chip) => (
            <Chip key={chip.text} text={chip.text} onRemove={chip.remove} />
          ))}
        </div>
      ) : null}
    </div>
  );
}
