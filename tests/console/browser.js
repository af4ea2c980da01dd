// A browser for a test: pages that fail it when the console complains or something is asked of another host.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const broker = `localhost:${process.env.PORT}`;
export const api = `http://127.0.0.1:${process.env.CONSOLE_PORT}/api/v1`;
const base = process.env.BASE ?? `http://127.0.0.1:${process.env.CONSOLE_PORT}`;
/** How long a condition may take on a busy machine. */
const PATIENCE_MS = 30_000;

let started;

export async function launch() {
  started ??= await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  return started;
}

export async function close() {
  await started?.close();
  started = undefined;
}

/** A page, and what was wrong on it. `at` is the console that it is of, if not the usual one. */
export async function open(path, { width = 1440, height = 900, theme = "light", still = true, at = base } = {}) {
  const browser = await launch();
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: still ? "reduce" : "no-preference",
    deviceScaleFactor: 1,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`${path}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "blob:" && host !== new URL(at).host) complaints.push(`${path}: asked ${request.url()}`);
  });
  await page.goto(at + path);
  return {
    page,
    go: (to) => page.goto(at + to),
    /** Ends the page; nothing may have gone wrong on it. */
    async done() {
      await context.close();
      assert.deepEqual(complaints, []);
    },
  };
}

/** What axe finds against WCAG 2.2 AA, as one line each. */
export async function audit(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }),
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? node.all[0]?.message ?? ""}`),
  );
}

/** Waits until the condition holds, and says what was seen when it never does. */
export async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  let seen;
  for (;;) {
    seen = await condition();
    if (seen === true) return;
    if (Date.now() > end) assert.fail(`${what}: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The learner's programme, with kafka-go. */
export async function weather(verb, ...args) {
  const { stdout } = await promisify(execFile)(process.env.WEATHER, [verb, "-broker", broker, ...args]);
  return stdout;
}

/** The command line, with what it reads from standard input. */
export function ottla(args, input = "") {
  return new Promise((resolve, reject) => {
    const child = execFile(process.env.OTTLA, [...args, "-b", broker], (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
    // It may have ended before it has read all.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

export async function post(path, body) {
  const response = await fetch(api + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

export function picture(name) {
  return `${process.env.PICTURE_DIR}/${name}.png`;
}
