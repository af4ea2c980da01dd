// Which moment a page shows: the present, or the `at` of its address.

import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { session } from "../api/queries";

export function useAt(): string | undefined {
  return useSearch({ strict: false, select: (search) => (search as { at?: string }).at });
}

/** The time of day, for "4 s ago", renewed every second. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Why nothing can be changed: it is the past, or whoever looks may only look. Null where it can. */
export function useWhyNot(): string | null {
  const at = useAt();
  const { data } = useQuery(session());
  if (at !== undefined) return "This is the past, which nothing can change.";
  return data?.readOnlyBecause ?? null;
}

/** Whether something can be changed. */
export function useMayChange(): boolean {
  return useWhyNot() === null;
}
