// Holds the built app to its size: what the first screen loads, and each part that is loaded later, after brotli.
// Fails the build when something has grown past its limit.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const KB = 1024;
const FIRST_MAX = 220 * KB;
const LAZY_MAX = 60 * KB;
const EDITOR_MAX = 130 * KB;
const DIST_MAX = 1.2 * KB * KB;
const FONTS_MAX = 70 * KB;

const dist = new URL("../dist/", import.meta.url).pathname;
const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8"));

const compressed = (file) =>
  brotliCompressSync(readFileSync(join(dist, file)), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })
    .length;

/** A chunk and everything it cannot start without. */
function withImports(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const other of manifest[name].imports ?? []) withImports(other, seen);
  return seen;
}

const sizes = (names) => [...names].reduce((sum, name) => sum + compressed(manifest[name].file), 0);
const kb = (bytes) => `${(bytes / KB).toFixed(1)} KB`;
const complaints = [];
function hold(what, size, max) {
  console.log(`${size > max ? "✗" : "✓"} ${what.padEnd(36)} ${kb(size).padStart(10)} of ${kb(max)}`);
  if (size > max) complaints.push(what);
}

const entry = Object.keys(manifest).find((name) => manifest[name].isEntry);
const start = withImports(entry);
const overview = Object.keys(manifest).find((name) => name.endsWith("/Overview.tsx"));
const first = new Set([...start, ...withImports(overview)]);
hold("first screen, JS", sizes(first), FIRST_MAX);
for (const name of Object.keys(manifest)) {
  if (!manifest[name].isDynamicEntry) continue;
  const own = [...withImports(name)].filter((one) => !start.has(one));
  hold(manifest[name].name ?? name, sizes(own), name.endsWith("/codemirror.ts") ? EDITOR_MAX : LAZY_MAX);
}

let raw = 0;
let fonts = 0;
for (const file of readdirSync(dist, { recursive: true })) {
  const full = join(dist, file);
  if (!statSync(full).isFile() || file.startsWith(".vite")) continue;
  raw += statSync(full).size;
  if (file.endsWith(".woff2")) fonts += statSync(full).size;
}
hold("fonts", fonts, FONTS_MAX);
hold("everything, not compressed", raw, DIST_MAX);
if (complaints.length > 0) {
  console.error(`Too large: ${complaints.join(", ")}`);
  process.exit(1);
}
