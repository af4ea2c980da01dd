// Without a mouse.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, open, ottla } from "./browser.js";

before(() => ottla(["topic", "create", "keyboard-a", "keyboard-b", "--if-not-exists"]));
after(close);

test("Ctrl-K goes to a topic", async () => {
  const { page, done } = await open("/");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("keyboard-b");
  await page.getByRole("menuitem", { name: /keyboard-b/ }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/topics/keyboard-b/log");
  await done();
});

test("Ctrl-K never leads to what does not fit, however late the broker answers", async () => {
  const { page, done } = await open("/");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("keyboard");
  await page.getByRole("menuitem", { name: "keyboard-a" }).waitFor();
  await page.route(/[?&]q=keyboard-/, () => {});
  await page.keyboard.type("-b");
  await page.getByRole("menuitem", { name: "keyboard-a" }).waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await page.waitForURL("**/topics/keyboard-b/log");
  await done();
});

test("j, k and Enter go through a list, and / to its search", async () => {
  const { page, done } = await open("/topics?q=keyboard");
  await page.getByRole("link", { name: "keyboard-a" }).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "keyboard-b");
  await page.keyboard.press("k");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "keyboard-a");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.type), "search");
  await page.keyboard.press("Tab");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/topics/keyboard-a/log");
  await done();
});

test("? lists the keys, and they can be turned off", async () => {
  const { page, done } = await open("/topics");
  await page.getByRole("heading", { name: "Topics" }).waitFor();
  await page.keyboard.press("?");
  const box = page.getByRole("checkbox", { name: /Single keys/ });
  await box.uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("g");
  assert.match(page.url(), /\/topics/);
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Go to" }).waitFor();
  await done();
});
