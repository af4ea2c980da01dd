// A JSON document as it was written, foldable.

import { useState } from "react";
import type { Json } from "../../text/json";
import { Button } from "../../ui/controls";
import { Icon } from "../../ui/icons";
import css from "./records.module.css";

const SHOWN = 100;

function Leaf({ json }: { json: Json }) {
  if (json.kind === "string") return <span className={css.string}>{JSON.stringify(json.value)}</span>;
  if (json.kind === "number") return <span className={css.number}>{json.text}</span>;
  return json.kind === "literal" ? <span className={css.literal}>{json.text}</span> : null;
}

function Branch({ json, depth }: { json: Json & { kind: "object" | "array" }; depth: number }) {
  const [isOpen, setOpen] = useState(depth < 3);
  const [shown, setShown] = useState(SHOWN);
  const children: [string, Json][] =
    json.kind === "object" ? json.entries : json.items.map((item, at) => [String(at), item]);
  const [open, close] = json.kind === "object" ? ["{", "}"] : ["[", "]"];
  if (children.length === 0) return <span>{`${open}${close}`}</span>;
  return (
    <>
      <button
        type="button"
        className={css.fold}
        aria-expanded={isOpen}
        aria-label={isOpen ? "Fold" : "Unfold"}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name={isOpen ? "down" : "right"} size={10} />
      </button>
      {isOpen ? (
        <>
          {open}
          <ul>
            {children.slice(0, shown).map(([name, value], at) => (
              <li key={at}>
                <span className={css.name}>{name}</span>: <JsonView json={value} depth={depth + 1} />
              </li>
            ))}
          </ul>
          {children.length > shown ? (
            <Button small look="ghost" onPress={() => setShown(shown + SHOWN * 10)}>
              {children.length - shown} more
            </Button>
          ) : null}
          {close}
        </>
      ) : (
        <span className="muted">{`${open} ${children.length} ${close}`}</span>
      )}
    </>
  );
}

export function JsonView({ json, depth = 0 }: { json: Json; depth?: number }) {
  return json.kind === "object" || json.kind === "array" ? (
    <Branch json={json} depth={depth} />
  ) : (
    <Leaf json={json} />
  );
}
