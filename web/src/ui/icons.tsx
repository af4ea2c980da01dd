// The signs, drawn on a grid of 16 with one stroke width. All are decoration: the name stands beside them.

const PATHS = {
  overview: "M2.5 13.5v-4m3.7 4V5.5m3.6 8v-6m3.7 6v-11",
  topics: "M2.5 4h11M2.5 8h7.5M2.5 12h9.5",
  groups:
    "M6 7.2a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8Zm-4 6.3c.2-2.4 1.7-3.9 4-3.9s3.8 1.5 4 3.9m.6-6.500a2 2 0 0 0 .4-3.900m1 6.300c1.3.5 2 1.7 2.1 3.3",
  connect: "M5.5 2v3m5-3v3M3.5 5h9v2.500a4.5 4.5 0 0 1-9 0V5ZM8 12v2.5",
  brokers: "M2.5 3h11v4h-11V3Zm0 6h11v4h-11V9Zm2.5-4h.01M5 11h.01",
  clients: "M2.5 3h11v8h-11V3Zm3 10.500h5",
  transactions: "M3 5h9m-2.5-2.500L12 5 9.5 7.500M13 11H4m2.5-2.500L4 11l2.5 2.5",
  search: "M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Zm3.3-1.2 3.2 3.2",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0-10v1.500m0 11V15M1 8h1.500m11 0H15M3 3l1.1 1.100m7.8 7.800L13 13m0-10-1.1 1.100M4.1 11.9 3 13",
  moon: "M13.5 9.500A6 6 0 0 1 6.5 2.500a5.8 5.8 0 1 0 7 7Z",
  auto: "M8 2.500a5.5 5.5 0 1 0 0 11v-11Zm0 0a5.5 5.5 0 0 1 0 11",
  code: "m5.5 4.5-3.5 3.5 3.5 3.500m5-7 3.5 3.5-3.5 3.5",
  copy: "M5.5 5.500h8v8h-8v-8Zm-3 5v-8h8",
  done: "m3 8.5 3.2 3.200L13 4.8",
  lock: "M4 7.500h8v6H4v-6Zm1.500 0V5a2.5 2.5 0 0 1 5 0v2.500",
  close: "m3.5 3.5 9 9m0-9-9 9",
  plus: "M8 3v10M3 8h10",
  more: "M3.5 8h.01M8 8h.01m4.490 0h.01",
  pause: "M5.5 3.500v9m5-9v9",
  play: "M5 3.200v9.600L12.5 8 5 3.200Z",
  help: "M6 6a2 2 0 1 1 3 1.700c-.7.4-1 .8-1 1.600m0 2.400h.01M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13Z",
  warn: "M8 2.5 14.5 13.500h-13L8 2.500Zm0 4v3.500m0 1.700h.01",
  down: "m4 6 4 4 4-4",
  up: "m4 10 4-4 4 4",
  left: "m10 4-4 4 4 4",
  right: "m6 4 4 4-4 4",
  download: "M8 2.500v7.500m-3-3 3 3 3-3m-8 6.500h10",
  menu: "M2.5 4.500h11M2.5 8h11m-11 3.500h11",
  table: "M2.5 3h11v10h-11V3Zm0 3.500h11M6.5 6.500V13",
  undo: "M3 7h6.500a3.5 3.5 0 0 1 0 7H6M3 7l3-3M3 7l3 3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth={name === "more" ? 2 : 1.4}
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}

/** Ottla's mark: three lanes of a log. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <rect x="6" y="8" width="20" height="3.4" rx="1.7" fill="var(--on-accent)" />
      <rect x="6" y="14.3" width="13" height="3.4" rx="1.7" fill="var(--on-accent)" opacity=".8" />
      <rect x="6" y="20.6" width="17" height="3.4" rx="1.7" fill="var(--on-accent)" opacity=".6" />
    </svg>
  );
}
