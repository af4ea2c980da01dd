// Light, dark, or as the system says. Kept in this browser.

import { useSyncExternalStore } from "react";

export type Theme = "auto" | "light" | "dark";

const KEY = "ottla.theme";
const listeners = new Set<() => void>();

export function theme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export function applyTheme() {
  const chosen = theme();
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function setTheme(next: Theme) {
  if (next === "auto") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, next);
  applyTheme();
  for (const listener of listeners) listener();
}

/** The one after this: system, light, dark, system. */
export function nextTheme(now: Theme): Theme {
  return now === "auto" ? "light" : now === "light" ? "dark" : "auto";
}

function subscribe(listener: () => void) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  listeners.add(listener);
  dark.addEventListener("change", listener);
  return () => {
    listeners.delete(listener);
    dark.removeEventListener("change", listener);
  };
}

export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme);
}

/** Changes whenever the colours on the screen do: what a canvas has drawn must be drawn again. */
export function useColours(): string {
  return useSyncExternalStore(subscribe, () =>
    theme() === "auto" ? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light") : theme(),
  );
}
