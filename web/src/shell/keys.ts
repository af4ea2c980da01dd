// The keyboard, everywhere: one listener, sequences like `g t`, and a switch for those who need single keys
// for something else (WCAG 2.1.4).

import { useEffect, useRef } from "react";

const OFF_KEY = "ottla.keys";
const SEQUENCE_MS = 1000;
const NAMES: { [key: string]: string } = { Escape: "escape" };

export function areKeysOn(): boolean {
  return localStorage.getItem(OFF_KEY) !== "off";
}

export function switchKeys(on: boolean) {
  if (on) localStorage.removeItem(OFF_KEY);
  else localStorage.setItem(OFF_KEY, "off");
}

/** What a key or a sequence does: `?`, `/`, `g t`, `mod+k`. */
export type Bindings = { [keys: string]: () => void };

const TYPED_INTO =
  "input:not([type=checkbox], [type=range], [type=radio]), textarea, select, [contenteditable], [role=menu]";

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest(TYPED_INTO) !== null;
}

/** Listens while the component is there. An inner component's binding goes before an outer one's. */
export function useKeys(bindings: Bindings, isOn = true) {
  const latest = useRef(bindings);
  latest.current = bindings;
  useEffect(() => {
    if (!isOn) return;
    let first: { key: string; at: number } | null = null;
    const listen = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey) return;
      const hasMod = event.ctrlKey || event.metaKey;
      if (!hasMod && (isTyping(event.target) || !areKeysOn())) return;
      if (!hasMod && document.querySelector("[role=dialog]") && event.key !== "Escape") return;
      const key = hasMod ? `mod+${event.key.toLowerCase()}` : (NAMES[event.key] ?? event.key);
      const isSecond = first !== null && event.timeStamp - first.at < SEQUENCE_MS;
      const run = (isSecond && latest.current[`${first?.key} ${key}`]) || latest.current[key];
      first = { key, at: event.timeStamp };
      if (!run) return;
      event.preventDefault();
      run();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [isOn]);
}

/** Moves the focus among the rows of the page's list. */
export function moveAmongRows(step: 1 | -1) {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
