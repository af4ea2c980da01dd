// Bytes, and beside them what each of them means.

import { useState } from "react";
import type { Field } from "../../api/types";
import { hexLine } from "../../text/payload";
import { Button } from "../../ui/controls";
import { Scroll } from "../../ui/data";
import css from "./records.module.css";

const LINES = 64;

export function Hex({ data, mark }: { data: Uint8Array; mark?: { start: number; end: number } | null }) {
  const [lines, setLines] = useState(LINES);
  const all = Math.ceil(data.length / 16);
  return (
    <div>
      <div className={css.hex} tabIndex={0} role="region" aria-label="Bytes in hexadecimal">
        {Array.from({ length: Math.min(lines, all) }, (_, line) => {
          const at = line * 16;
          const { hex, text } = hexLine(data, at);
          return [
            <span key={`a${at}`} className={css.hexAt}>
              {at.toString(16).padStart(6, "0")}
            </span>,
            <span key={`h${at}`}>
              {hex.map((byte, column) => {
                const here = at + column;
                const isOn = mark ? here >= mark.start && here < mark.end : false;
                return (
                  <b key={here} data-on={isOn || undefined}>
                    {byte}
                  </b>
                );
              })}
            </span>,
            <span key={`t${at}`}>{text}</span>,
          ];
        })}
      </div>
      {all > lines ? (
        <Button small look="ghost" onPress={() => setLines(lines + LINES * 8)}>
          {(all - lines) * 16} more bytes
        </Button>
      ) : null}
    </div>
  );
}

/** The schoolbook view: fields by name, and where each lies. */
export function Schoolbook({
  data,
  fields,
  label,
}: {
  data: Uint8Array;
  fields: readonly Field[];
  label: string;
}) {
  const [chosen, choose] = useState<number | null>(null);
  const mark = chosen === null ? null : (fields[chosen] ?? null);
  return (
    <div className="stack">
      <Hex data={data} mark={mark} />
      <Scroll>
        <table className={css.fields} aria-label={label}>
          <thead>
            <tr>
              <th scope="col">Field</th>
              <th scope="col">Bytes</th>
              <th scope="col">Value</th>
              <th scope="col">Meaning</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field, at) => (
              <tr
                key={`${field.name}${field.start}`}
                data-on={at === chosen || undefined}
                onMouseEnter={() => choose(at)}
              >
                <td>
                  <button
                    type="button"
                    className={css.field}
                    onClick={() => choose(at)}
                    onFocus={() => choose(at)}
                  >
                    {field.name}
                  </button>
                </td>
                <td className="mono muted">
                  {field.end - field.start === 1 ? field.start : `${field.start}–${field.end - 1}`}
                </td>
                <td className="mono wrap">{field.value}</td>
                <td className="muted">{field.meaning}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}

export function fromHex(hex: string): Uint8Array {
  const digits = hex.replace(/[^0-9a-f]/gi, "");
  const out = new Uint8Array(digits.length >> 1);
  for (let at = 0; at < out.length; at += 1) out[at] = Number.parseInt(digits.slice(at * 2, at * 2 + 2), 16);
  return out;
}
