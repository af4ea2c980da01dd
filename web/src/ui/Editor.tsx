// A field for more than a word: a text area at once, and in its place an editor that knows JSON as soon as that is loaded.

import { useEffect, useId, useRef, useState } from "react";
import type { Mounted } from "./codemirror";
import css from "./controls.module.css";

interface EditorProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string | undefined;
  rows: number;
}

export function Editor({ label, value, onChange, hint, rows }: EditorProps) {
  const id = useId();
  const host = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const mounted = useRef<Mounted>(null);
  const latest = useRef({ value, onChange });
  latest.current = { value, onChange };
  const [isThere, setThere] = useState(false);
  const [fault, setFault] = useState<number | null>(null);

  useEffect(() => {
    let isGone = false;
    void import("./codemirror").then(({ mount }) => {
      if (isGone || !host.current) return;
      const typed = area.current;
      const hasFocus = typed !== null && typed === document.activeElement;
      // What is hidden cannot be focused.
      host.current.hidden = false;
      mounted.current = mount(host.current, {
        label,
        text: latest.current.value,
        selection: hasFocus ? [typed.selectionStart, typed.selectionEnd] : null,
        onText: (text) => latest.current.onChange(text),
        onFault: setFault,
      });
      setThere(true);
    });
    return () => {
      isGone = true;
      mounted.current?.destroy();
      mounted.current = null;
    };
  }, [label]);

  useEffect(() => mounted.current?.set(value), [value]);

  return (
    <div className={css.field}>
      {isThere ? (
        <span className={css.label}>{label}</span>
      ) : (
        <label htmlFor={id} className={css.label}>
          {label}
        </label>
      )}
      <div
        ref={host}
        className={css.editor}
        style={{ "--editor-height": `${rows * 20 + 10}px` } as object}
        hidden={!isThere}
        tabIndex={isThere ? 0 : undefined}
      />
      {isThere ? null : (
        <textarea
          ref={area}
          id={id}
          className={`${css.input} ${css.mono}`}
          value={value}
          rows={rows}
          spellCheck={false}
          aria-describedby={hint ? `${id}-hint` : undefined}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      <span id={`${id}-hint`} className={fault === null ? css.hint : css.error} aria-live="polite">
        {fault === null ? hint : `This is no JSON yet: look at line ${fault}. It can be sent as it is.`}
      </span>
    </div>
  );
}
