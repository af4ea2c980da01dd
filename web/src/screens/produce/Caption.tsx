// Why a key goes to its partition, with the numbers.

import { partitionOf } from "../../text/murmur2";
import css from "./produce.module.css";

export function Caption({ keyText, partitions }: { keyText: string; partitions: number }) {
  const { hash, partition } = partitionOf(keyText, partitions);
  return (
    <p className={css.caption} aria-live="polite">
      <span className="muted">murmur2(</span>
      <span>{JSON.stringify(keyText)}</span>
      <span className="muted">) = </span>
      {hash}
      <span className="muted"> &amp; 0x7fffffff % </span>
      {partitions}
      <span className="muted"> = </span>
      <b>partition {partition}</b>
    </p>
  );
}
