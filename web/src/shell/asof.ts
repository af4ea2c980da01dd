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

/** False where this console must not change anything: read-only, or looking at the past. */
export function useMayChange(): boolean {
  const at = useAt();
  const { data } = useQuery(session());
  return at === undefined && data?.readOnly !== true;
}
