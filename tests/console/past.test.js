// Transactions, swim lanes and looks back: what is open and what it hides, who read what, and how it was.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Kafka, logLevel } from "kafkajs";
import { api, audit, broker, close, open, ottla, picture, post, until } from "./browser.js";

process.env.KAFKAJS_NO_PARTITIONER_WARNING = "1";
const kafka = new Kafka({ brokers: [broker], clientId: "tellers", logLevel: logLevel.NOTHING });
const producers = [];

const readers = [];

after(async () => {
  // What a failed test leaves open would keep the process from ending.
  for (const client of [...producers, ...readers]) await client.disconnect();
  await close();
});

async function teller(transactionalId) {
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true, retry: { retries: 3 } });
  await producer.connect();
  producers.push(producer);
  return producer;
}

/** A transaction with one record in each of the partitions, which is left open. */
async function begin(producer, partitions) {
  const transaction = await producer.transaction();
  await transaction.send({
    topic: "ledger",
    messages: partitions.map((partition) => ({ partition, key: "account", value: "14.2" })),
  });
  return transaction;
}

before(async () => {
  await ottla(["topic", "create", "ledger", "-p", "3", "--if-not-exists"]);
  await ottla(["topic", "create", "lanes", "-p", "4", "--if-not-exists"]);
  for (let at = 0; at < 12; at += 1) {
    await post("/topics/lanes/records", { partition: at % 4, value: { text: String(at) } });
  }
});

/** Complaints of axe in both themes and on a phone, and nothing wider than that. */
async function accessible(page) {
  const found = [];
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    found.push(...(await audit(page)).map((one) => `${theme}: ${one}`));
  }
  await page.setViewportSize({ width: 320, height: 720 });
  found.push(...(await audit(page)).map((one) => `narrow: ${one}`));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > 320) found.push(`it is ${wide} pixels wide`);
  await page.setViewportSize({ width: 1440, height: 900 });
  assert.deepEqual(found, []);
}

async function pictures(page, name) {
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.screenshot({ path: picture(`${name}-${theme}`), fullPage: true });
  }
}

test("an open transaction is shown with what it hides, is aborted, and can be looked back at", async () => {
  const done = await teller("settlement");
  for (let round = 0; round < 3; round += 1) {
    const transaction = await begin(done, [0]);
    await (round === 1 ? transaction.abort() : transaction.commit());
  }
  await begin(await teller("payments"), [0, 1]);
  const { page, go, done: end } = await open("/transactions");
  const row = page.getByRole("row").filter({ hasText: "payments" });
  await row.getByText("open", { exact: true }).waitFor();
  const hidden = page.getByRole("region", { name: /Hidden/ });
  await hidden.getByText("ledger/1").waitFor();
  await accessible(page);
  await pictures(page, "transactions");

  await go("/topics/ledger/log");
  await page.getByRole("link", { name: /held back by transactions/ }).click();
  await page.waitForURL("**/transactions?topic=ledger");
  await row.getByRole("link").click();
  await page.getByText("wait for this one").first().waitFor();
  const answer = await (await fetch(`${api}/events?order=desc&limit=1`)).json();
  await accessible(page);
  await pictures(page, "transaction");

  await page.getByRole("button", { name: "Abort…" }).click();
  const button = page.getByRole("button", { name: "Abort and fence" });
  assert.equal(await button.isDisabled(), true);
  await page.getByLabel("Type payments to go on").fill("payments");
  await button.click();
  await page.getByText("No transaction is open").waitFor();
  const then = answer.events[0].timeMs;
  await go(`/transactions/payments?at=${then}`);
  await page.getByRole("button", { name: "back to live" }).waitFor();
  await page.getByRole("table", { name: "Partitions" }).getByText("/1").waitFor();
  // The past cannot be changed: the button is locked, and says so.
  const locked = page.getByRole("button", { name: /^Abort….*This is the past/ });
  assert.equal(await locked.getAttribute("aria-disabled"), "true");
  await end();
});

test("members are lanes, and a rebalance has a story", async () => {
  for (const clientId of ["reader-1", "reader-2"]) {
    const consumer = new Kafka({ brokers: [broker], clientId, logLevel: logLevel.NOTHING }).consumer({
      groupId: "lane-readers",
      heartbeatInterval: 200,
    });
    await consumer.connect();
    await consumer.subscribe({ topic: "lanes", fromBeginning: true });
    await consumer.run({ eachMessage: async () => {} });
    readers.push(consumer);
    await until("the group is stable", async () => {
      const group = await (await fetch(`${api}/groups/lane-readers`)).json();
      const reading = group.members?.filter((member) => member.assignment.length > 0).length;
      return (group.state === "Stable" && reading === readers.length) || group.state;
    });
  }
  const answer = await (await fetch(`${api}/events?order=desc&limit=1`)).json();
  const then = answer.events[0].timeMs;
  await readers[0].disconnect();
  await until("one member is left", async () => {
    const group = await (await fetch(`${api}/groups/lane-readers`)).json();
    return (group.state === "Stable" && group.members.length === 1) || group;
  });
  const { page, go, done } = await open("/groups/lane-readers?span=5m");
  const lanes = page.getByRole("region", { name: "Who read what" });
  await lanes.getByText("reader-2").first().waitFor();
  await lanes.getByText("left: a member left").waitFor();
  const seams = lanes.getByRole("button", { name: /Rebalance at/ });
  await seams.first().focus();
  await page.keyboard.press("Enter");
  await lanes.getByText(/^1 of [3-9]/).waitFor();
  await lanes.getByRole("button", { name: "The next rebalance" }).click();
  await lanes.getByText(/^2 of [3-9]/).waitFor();
  await lanes.getByText("a member joined", { exact: false }).first().waitFor();
  await accessible(page);
  await pictures(page, "swim-lanes");

  await go(`/groups/lane-readers?at=${then}`);
  const members = page.getByRole("table", { name: "Members" });
  await members.getByText("reader-1", { exact: true }).waitFor();
  assert.equal(await members.locator("tbody tr").count(), 2);
  await readers[1].disconnect();
  await done();
});

test("groups are sorted by their lag in time, and say how it goes", async () => {
  await ottla(["consume", "lanes", "-g", "slow", "--from", "start", "-n", "2"]);
  const { page, done } = await open("/groups");
  await page.getByRole("button", { name: "In time" }).click();
  await page.waitForURL("**/groups?sort=-lagMs");
  const row = page.getByRole("row").filter({ hasText: "slow" });
  await row.getByText(/\d+ (s|min|ms)/).waitFor();
  await accessible(page);
  await pictures(page, "groups");
  await done();
});

test("the bar of time drags the log back, and says where it cannot", async () => {
  const { page, go, done } = await open("/topics/lanes/log");
  await page.getByText("log end").waitFor();
  const bar = page.getByRole("slider", { name: "Look at the broker as of" });
  await bar.focus();
  for (let press = 0; press < 4; press += 1) await page.keyboard.press("ArrowLeft");
  await page.waitForURL("**/log?at=*");
  await page.getByText("as it was then").waitFor();
  await accessible(page);
  await page.getByRole("button", { name: "back to live" }).click();
  await page.getByText("live", { exact: true }).waitFor();
  await done();
  const gone = await fetch(`${api}/groups?at=1000`);
  assert.equal(gone.status, 410);
});

test("a record says how the indexes lead to it", async () => {
  const { page, done } = await open("/topics/lanes/records?from=beginning&view=0@1&tab=bytes");
  const trail = page.getByRole("region", { name: "How the indexes lead here" });
  await trail.getByText("00000000000000000000.log").waitFor();
  await trail.getByText(/offset index/i).first().waitFor();
  await accessible(page);
  await pictures(page, "trail");
  await done();
});
