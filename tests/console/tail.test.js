// A thousand records a second, followed: the page keeps drawing, and its memory does not grow.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { close, launch, open, ottla, until } from "./browser.js";

after(close);

const PER_SECOND = 1000;
const SECONDS = 6;

/** Frames a second over some seconds, as the page itself counts them. */
const framesPerSecond = (page, seconds) =>
  page.evaluate(
    (ms) =>
      new Promise((resolve) => {
        let frames = 0;
        const began = performance.now();
        const count = (now) => {
          frames += 1;
          if (now - began < ms) requestAnimationFrame(count);
          else resolve((frames * 1000) / (now - began));
        };
        requestAnimationFrame(count);
      }),
    seconds * 1000,
  );

for (const [name, path] of [
  ["the records", "/topics/fast/records?tail=true"],
  ["the lanes", "/topics/fast/log"],
]) {
  test(`${name} follow ${PER_SECOND} records a second at 50 frames a second or better`, async () => {
    await ottla(["topic", "create", "fast", "-p", "3", "--if-not-exists"]);
    const { page, done } = await open(path, { still: false });
    await page.getByText(/following|^live/).first().waitFor();
    const lines = Array.from({ length: PER_SECOND * (SECONDS + 3) }, (_, at) => `key${at % 50}:{"n":${at},"t":14.2}`).join("\n");
    const written = ottla(["produce", "fast", "-K:", "--rate", `${PER_SECOND}/s`, "-q"], `${lines}\n`);
    await until("records come", async () => {
      const text = await page.locator("main").innerText();
      return /[1-9][\d\s\u202f]* (received|records\/s)/.test(text) || text.slice(0, 300);
    });
    const frames = await framesPerSecond(page, SECONDS);
    await written;
    console.log(`# ${name}: ${frames.toFixed(1)} frames a second, ${(await launch()).version()}`);
    await done();
    assert.ok(frames >= 50, `only ${frames.toFixed(1)} frames a second`);
  });
}
