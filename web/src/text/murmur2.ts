// The hash by which Kafka's Java producer, and so Ottla, chooses a record's partition from its key.

const M = 0x5bd1e995;

/** Murmur2 of the bytes as an unsigned 32-bit number. Kafka: `Utils.murmur2`. */
export function murmur2(data: Uint8Array): number {
  const length = data.length;
  let hash = (0x9747b28c ^ length) | 0;
  const whole = length & ~3;
  const view = new DataView(data.buffer, data.byteOffset, length);
  for (let at = 0; at < whole; at += 4) {
    let k = Math.imul(view.getInt32(at, true), M);
    k = Math.imul(k ^ (k >>> 24), M);
    hash = Math.imul(hash, M) ^ k;
  }
  const rest = length - whole;
  if (rest === 3) hash ^= view.getUint8(whole + 2) << 16;
  if (rest >= 2) hash ^= view.getUint8(whole + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ view.getUint8(whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Where a record with this key goes, and the numbers on the way. */
export function partitionOf(
  key: string,
  partitions: number,
): { hash: number; positive: number; partition: number } {
  const hash = murmur2(new TextEncoder().encode(key));
  const positive = hash & 0x7fffffff;
  return { hash, positive, partition: positive % partitions };
}
