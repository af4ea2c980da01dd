// The editor of a value: there when it is loaded, without losing what was typed before; JSON in colours, its faults
// marked, and no trap for the keyboard.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { audit, close, open, ottla, picture, post, until } from "./browser.js";

after(close);

const TOPIC = "editor";
const VALUE = '{"city":"London","temperature":14.2,"id":9007199254740993}';

before(async () => {
  await ottla(["topic", "create", TOPIC, "-p", "1"]);
  await post(`/topics/${TOPIC}/records`, { key: { text: "temperature" }, value: { text: VALUE } });
});

const editor = (page) => page.locator(".cm-content");

async function again() {
  const opened = await open(`/topics/${TOPIC}/records?from=beginning&view=0@0`);
  await opened.page.getByRole("button", { name: "Produce again…" }).click();
  return opened;
}

test("a value is edited as JSON and sent with every digit", async () => {
  const { page, done } = await again();
  await editor(page).waitFor();
  const value = page.getByRole("textbox", { name: "Value" });
  assert.equal(await value.innerText(), VALUE);
  const colours = await page.locator(".cm-line span").evaluateAll((all) => new Set(all.map((one) => getComputedStyle(one).color)).size);
  assert.ok(colours >= 3, `${colours} colours`);

  const found = [];
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    found.push(...(await audit(page)).map((one) => `${theme}: ${one}`));
    await page.screenshot({ path: picture(`editor-${theme}`) });
  }
  assert.deepEqual(found, []);

  await value.click();
  await page.keyboard.press("End");
  await page.keyboard.press("Backspace");
  await page.getByText("This is no JSON yet: look at line 1.").waitFor();
  assert.equal(await page.locator(".cm-bad").count(), 1);
  await page.emulateMedia({ colorScheme: "light" });
  await page.screenshot({ path: picture("editor-fault") });
  await page.keyboard.type("}");
  await page.getByText("This is no JSON yet").waitFor({ state: "detached" });

  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.type), "checkbox", "Tab leads on");
  await page.keyboard.press("Shift+Tab");
  assert.equal(await page.evaluate(() => document.activeElement.shadowRoot?.activeElement.role), "textbox", "and back");
  await page.getByRole("dialog").getByRole("button", { name: "Produce", exact: true }).click();
  await page.getByText("Written to partition 0, offset 1.").waitFor();
  const sent = await ottla(["consume", TOPIC, "--from", "start", "-n", "2", "-f", "%v\\n"]);
  assert.equal(sent.trim().split("\n")[1], VALUE);
  await done();
});

test("text stays text, and fits a phone", async () => {
  const { page, done } = await again();
  await editor(page).waitFor();
  const value = page.getByRole("textbox", { name: "Value" });
  await value.fill("windspeed is 11, {not JSON");
  assert.equal(await page.getByText("This is no JSON yet").count(), 0);
  await page.setViewportSize({ width: 320, height: 720 });
  assert.deepEqual(await audit(page), []);
  await page.screenshot({ path: picture("editor-narrow") });
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320);
  await done();
});

test("what is typed before the editor is there is kept, with its place", async () => {
  const { page, done } = await open(`/topics/${TOPIC}/records?from=beginning&view=0@0`);
  let letGo;
  const held = new Promise((resolve) => { letGo = resolve; });
  await page.route(/codemirror/, async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "Produce again…" }).click();
  const area = page.getByLabel("Value", { exact: true });
  await area.fill('{"a": 1}');
  await area.press("ArrowLeft");
  letGo();
  await editor(page).waitFor();
  await until("the focus", async () => (await page.evaluate(() => document.activeElement.shadowRoot !== null)) || "elsewhere");
  await page.keyboard.type(", 2");
  assert.equal(await editor(page).innerText(), '{"a": 1, 2}');
  await done();
});
