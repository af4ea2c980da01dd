// The journey of a record: from its producer into the log, to a group's member, behind the group's position.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { api, audit, close, open, ottla, picture, post, until, weather } from "./browser.js";

after(close);

const TOPIC = "London.journey";
let record;

before(async () => {
  await ottla(["topic", "create", TOPIC, "-p", "1"]);
  const written = await post(`/topics/${TOPIC}/records`, {
    key: { text: "temperature" },
    value: { text: '{"city":"London","temperature":14.2,"id":9007199254740993}' },
  });
  record = written.records[0];
});

const address = () => `/topics/${TOPIC}/records?from=beginning&view=${record.partition}@${record.offset}&tab=journey`;

/** The steps of a ladder: what each says, as one text. */
const rungs = (page, name) => page.getByRole("list", { name }).getByRole("listitem").allInnerTexts();

test("a record is produced, fetched by a group and committed, in that order", async () => {
  const { page, done } = await open(address());
  await page.getByText("No group reads this topic.").waitFor();
  const own = await rungs(page, "The record itself");
  assert.deepEqual(
    own.map((text) => text.split("\n")[0]),
    ["Created by the producer", "Received and appended", "On the disk", "Readable"],
  );
  for (const text of own) assert.match(text, /\d\d:\d\d:\d\d\.\d{3}/);

  await weather("consume", "-topics", TOPIC, "-group", "journey-readers", "-count", "1");
  await page.getByRole("link", { name: "journey-readers" }).waitFor();
  await until("both steps of the group", async () => {
    const texts = await rungs(page, "In group journey-readers");
    const isDone = (text) => /\d\d:\d\d:\d\d\.\d{3}[\s\S]*\+/.test(text);
    return (texts.length === 2 && texts.every(isDone)) || texts;
  });

  await ottla(["consume", TOPIC, "--from", "start", "-n", "1"]);
  await page.getByRole("heading", { name: "Others who were sent it" }).waitFor();
  assert.match((await rungs(page, "Readers without a group")).join(), /ottla.*127\.0\.0\.1[\s\S]*\d\d:\d\d:\d\d/);

  const route = `/topics/${TOPIC}/partitions/${record.partition}/records/${record.offset}/journey`;
  const told = await (await fetch(api + route)).json();
  const group = told.groups.find((one) => one.groupId === "journey-readers");
  const steps = [told.appended, told.durable, told.readable, group.fetched, group.committed];
  const latest = [told.timestampMs, ...steps.map((step) => step.untilMs)].map(Number);
  assert.deepEqual(latest, [...latest].sort((a, b) => a - b), JSON.stringify(told));
  assert.equal(group.committed.fromMs, group.committed.untilMs, "one commit is known to the millisecond");
  assert.equal(group.fetchedBy.clientHost, "127.0.0.1");

  const found = [];
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    found.push(...(await audit(page)).map((one) => `${theme}: ${one}`));
    await page.screenshot({ path: picture(`journey-${theme}`) });
  }
  await page.setViewportSize({ width: 320, height: 720 });
  found.push(...(await audit(page)).map((one) => `narrow: ${one}`));
  await page.screenshot({ path: picture("journey-narrow") });
  assert.deepEqual(found, []);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320);
  await done();
});

test("a group that has yet to read a record is told so, and can be moved past it", async () => {
  await ottla(["group", "reset", "journey-readers", "-t", TOPIC, "--to", "start", "-y"]);
  const next = await post(`/topics/${TOPIC}/records`, { key: { text: "temperature" }, value: { text: "15.0" } });
  const { page, go, done } = await open(`/topics/${TOPIC}/records?view=0@${next.records[0].offset}&tab=journey`);
  await page.getByText("1 record before it").waitFor();
  for (const text of await rungs(page, "In group journey-readers")) assert.match(text, /not yet/);
  await go(address());
  await page.getByText("reads it next").waitFor();
  await page.getByRole("button", { name: "Skip the record" }).click();
  await page.getByText("goes on behind this record").waitFor();
  await page.getByText("reads it next").waitFor({ state: "detached" });
  await done();
});
