// Every page: accessible in both themes and on a phone, nothing wider than the screen, nothing wrong in the console.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, audit, close, open, ottla, post, until } from "./browser.js";

after(close);

const ODD = "odd/name %41";
before(async () => {
  await ottla(["topic", "create", "pages", "-p", "3", "--if-not-exists", "--config", "segment.bytes=1048576"]);
  await ottla(["topic", "create", "empty", "--if-not-exists"]);
  await ottla(["topic", "create", "wide", "-p", "60", "--if-not-exists"]);
  const values = ["9007199254740993", "-7210194211959421178", "18446744073709551615"];
  for (const id of values) {
    await post("/topics/pages/records", {
      key: { text: "vector" },
      value: { text: `{"id": ${id}, "city": "London", "tags": ["a", {"b": null}]}` },
      headers: [{ key: "source", value: { text: "test" } }],
    });
  }
  await post("/topics/pages/records", { key: { hex: "00ff" }, value: { hex: "0001fe" }, headers: [] });
  await post("/topics/pages/records", { key: { text: "<img src=x onerror=alert(1)>" }, value: { text: "<script>alert(1)</script>" }, headers: [] });
  await post("/topics/pages/records", { key: { text: "gone" }, value: null, headers: [] });
  await ottla(["consume", "pages", "-g", "pages-readers", "--from", "start", "-n", "4"]);
});

/** Where the record with the first of the large numbers is. */
async function vector() {
  const { records } = await (await fetch(`http://127.0.0.1:${process.env.CONSOLE_PORT}/api/v1/topics/pages/records?from=beginning&q=9007199254740993`)).json();
  return `${records[0].partition}@${records[0].offset}`;
}

const PAGES = [
  ["overview", "/", "Overview"],
  ["topics", "/topics", "pages"],
  ["topics, creating", "/topics?create=true", "Create a topic"],
  ["log", "/topics/pages/log", "high watermark"],
  ["log as a table", "/topics/pages/log?table=true", "Last stable"],
  ["log, learning", "/topics/pages/log?learn=3", "Offset"],
  ["an empty log", "/topics/empty/log", "no group reads"],
  ["more lanes than fit", "/topics/wide/log", "no group reads"],
  ["a segment", "/topics/pages/log?segment=0@0", "Offset index"],
  ["records", "/topics/pages/records", "records loaded"],
  ["a search", "/topics/pages/records?q=London", "found"],
  ["a tail", "/topics/pages/records?tail=true", "Waiting for records"],
  ["no records", "/topics/empty/records", "No records here"],
  ["partitions", "/topics/pages/partitions", "Log start"],
  ["config", "/topics/pages/config?all=true", "cleanup.policy"],
  ["groups", "/groups", "pages-readers"],
  ["a group", "/groups/pages-readers", "Committed"],
  ["a reset", "/groups/pages-readers?reset=true", "Moves by"],
  ["transactions", "/transactions", "No transactions yet"],
  ["no such transaction", "/transactions/nowhere", "there is no transactional id"],
  ["a past that is gone", "/groups?at=1000", "not known any more"],
  ["connect", "/connect", "Checks"],
  ["brokers", "/brokers?all=true", "log.dirs"],
  ["clients", "/clients", "Connections"],
  ["no such topic", "/topics/nowhere/log", "nowhere"],
  ["no such page", "/nowhere", "no such page"],
];

/** Pages of routes that this broker has not. */
const { paths } = await (await fetch(`${api}/openapi.json`)).json();
const isMissing = (path) => ["/connect", "/brokers", "/clients"].some((one) => path.startsWith(one) && !paths[`/api/v1${one}`]);

for (const [name, path, text] of PAGES) {
  test(`${name}: accessible in both themes and on a phone`, { skip: isMissing(path) }, async () => {
    const { page, go, done } = await open(path);
    const shown = async () => {
      await page.getByText(text).first().waitFor();
      await page.waitForLoadState("load");
    };
    await shown();
    const found = [];
    for (const theme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: theme });
      found.push(...(await audit(page)).map((one) => `${theme}: ${one}`));
    }
    await page.setViewportSize({ width: 320, height: 720 });
    await go(path);
    await shown();
    found.push(...(await audit(page)).map((one) => `narrow: ${one}`));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.deepEqual(found, []);
    assert.ok(wide <= 320, `it is ${wide} pixels wide`);
    // The browser complains of an answer that is an error.
    if (/nowhere|at=1000/.test(path)) await page.context().close();
    else await done();
  });
}

test("a record: each of its views is accessible, and no digit is lost", async () => {
  const view = await vector();
  const { page, go, done } = await open(`/topics/pages/records?from=beginning&view=${view}`);
  await page.getByText("9007199254740993", { exact: true }).waitFor();
  const found = await audit(page);
  for (const tab of ["key", "headers", "bytes", "journey", "neighbours"]) {
    await go(`/topics/pages/records?from=beginning&view=${view}&tab=${tab}`);
    await page.getByRole("tabpanel").waitFor();
    await until("the record", async () => (await page.getByRole("tabpanel").innerText()).length > 4);
    found.push(...(await audit(page)).map((one) => `${tab}: ${one}`));
  }
  assert.deepEqual(found, []);
  await done();
});

test("what is in a record is never taken for HTML", async () => {
  const { page, done } = await open("/topics/pages/records?from=beginning&q=alert");
  page.on("dialog", () => assert.fail("a record's script ran"));
  await page.getByText("<script>alert(1)</script>").first().waitFor();
  assert.equal(await page.locator("main script, main img[src=x]").count(), 0);
  await done();
});

test("names that are odd in an address lead to their own pages", async () => {
  await ottla(["consume", "pages", "-g", ODD, "--from", "start", "-n", "1"]);
  const { page, done } = await open("/groups");
  await page.getByRole("link", { name: ODD }).click();
  await page.getByRole("heading", { name: ODD }).waitFor();
  assert.equal(new URL(page.url()).pathname, `/groups/${encodeURIComponent(ODD)}`);
  await page.reload();
  await page.getByRole("heading", { name: ODD }).waitFor();
  await done();
});

test("an address reproduces what was on the screen", async () => {
  const { page, go, done } = await open("/topics/pages/records");
  await page.getByLabel("Start").selectOption("beginning");
  await page.getByLabel("Text in key, value or a header").fill("London");
  await page.getByText(/3 found|3\s*found/).first().waitFor();
  const address = new URL(page.url());
  assert.equal(address.search, "?from=beginning&q=London");
  await go("/");
  await go(address.pathname + address.search);
  await page.getByText(/3\s*found/).first().waitFor();
  assert.equal(await page.getByLabel("Text in key, value or a header").inputValue(), "London");
  await done();
});
