// Short answers to what was done, with a way back where there is one.

import { useEffect, useSyncExternalStore } from "react";
import { ApiError } from "../api/client";
import { Button } from "./controls";
import { Icon } from "./icons";
import css from "./overlay.module.css";

interface Toast {
  id: number;
  text: string;
  isBad: boolean;
  undo: (() => void) | null;
}

const SHOWN_MS = 8000;
let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function replace(next: readonly Toast[]) {
  toasts = next;
  for (const listener of listeners) listener();
}

function dismiss(id: number) {
  replace(toasts.filter((toast) => toast.id !== id));
}

export function say(text: string, undo: (() => void) | null = null) {
  replace([...toasts.slice(-3), { id: nextId++, text, isBad: false, undo }]);
}

export function sayError(error: unknown) {
  const text =
    error instanceof ApiError && error.hint
      ? `${error.message} ${error.hint}`
      : String((error as Error)?.message ?? error);
  replace([...toasts.slice(-3), { id: nextId++, text, isBad: true, undo: null }]);
}

function Line({ toast }: { toast: Toast }) {
  useEffect(() => {
    if (toast.isBad) return;
    const timer = setTimeout(() => dismiss(toast.id), toast.undo ? SHOWN_MS * 2 : SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <div className={css.toast} data-bad={toast.isBad || undefined}>
      <span className="grow wrap">{toast.text}</span>
      {toast.undo ? (
        <Button
          small
          onPress={() => {
            toast.undo?.();
            dismiss(toast.id);
          }}
        >
          <Icon name="undo" size={14} /> Undo
        </Button>
      ) : null}
      <Button small icon look="ghost" aria-label="Dismiss" onPress={() => dismiss(toast.id)}>
        <Icon name="close" size={12} />
      </Button>
    </div>
  );
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <section className={css.toasts} aria-label="Notices" aria-live="polite">
      {shown.map((toast) => (
        <Line key={toast.id} toast={toast} />
      ))}
    </section>
  );
}
