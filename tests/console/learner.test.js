// The learner's path, end to end: a topic made in the browser, records from Go, a group, its lag, a reset and back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { close, open, ottla, picture, post, until, weather } from "./browser.js";

after(close);

/** Readings as the Go programme takes them. */
const readings = (count) =>
  Array.from({ length: count }, (_, at) => (at % 3 === 2 ? `windspeed=${9 + (at % 5)}` : `temperature=${(12 + (at % 40) / 10).toFixed(1)}`));

/** The numbers in a column of the table beside the lanes. */
async function column(page, name) {
  return page.evaluate((wanted) => {
    const table = document.querySelector("table[aria-label='Partitions and cursors']");
    const heads = [...(table?.querySelectorAll("th") ?? [])].map((head) => head.textContent.trim());
    const at = heads.indexOf(wanted);
    return [...(table?.querySelectorAll("tbody tr") ?? [])].map((row) => Number(row.cells[at].textContent.replace(/\D/g, "")));
  }, name);
}

const total = (numbers) => numbers.reduce((sum, one) => sum + one, 0);

before(() => ottla(["topic", "create", "weather", "-p", "3", "--if-not-exists"]));

test("a learner makes a topic, writes from Go, reads with a group, and resets it", async (t) => {
  const { page, go, done } = await open("/");

  await t.test("London is made in the browser", async () => {
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.getByRole("button", { name: "Create a topic" }).first().click();
    await page.getByLabel("Name", { exact: true }).fill("London");
    await page.getByLabel("Partitions", { exact: true }).fill("3");
    await page.getByRole("button", { name: "Create", exact: true }).click();
    await page.waitForURL("**/topics/London/log");
    await until("three lanes", async () => {
      const label = await page.getByRole("img", { name: /Lanes of the topic/ }).getAttribute("aria-label");
      return (label.match(/partition/g) ?? []).length === 3 || label;
    });
  });

  await t.test("records from kafka-go arrive in the lanes", async () => {
    await page.getByRole("button", { name: "Table" }).click();
    await weather("produce", "-topic", "London", "temperature=14.2", "windspeed=11");
    await until("two records", async () => {
      const ends = await column(page, "Log end");
      return total(ends) === 2 || ends;
    });
  });

  await t.test("the box below the lanes writes to the lane that it named", async () => {
    const before = await column(page, "Log end");
    const caption = await page.getByText(/partition \d/).last().textContent();
    const lane = Number(/partition (\d)/.exec(caption)[1]);
    await page.getByRole("button", { name: "Send" }).click();
    await until("one record more in that lane", async () => {
      const ends = await column(page, "Log end");
      return ends[lane] === before[lane] + 1 || { ends, before, lane };
    });
  });

  await t.test("a group shows where it is, and its lag", async () => {
    await weather("produce", "-topic", "London", ...readings(117));
    await weather("consume", "-topics", "London", "-group", "readers", "-count", "60");
    await page.getByRole("listitem").filter({ hasText: /readers.*[1-9]\d behind/ }).waitFor();
  });

  const lag = () => page.locator("dt:text-is('Lag') + dd").textContent();

  await t.test("the lag falls while the group reads", async () => {
    await go("/groups/readers");
    await until("some lag", async () => Number(await lag()) > 40 || (await lag()));
    const reader = weather("consume", "-topics", "London", "-group", "readers", "-idle", "4s");
    await page.getByRole("table", { name: "Members" }).waitFor();
    await reader;
    await until("no lag", async () => (await lag()) === "0" || (await lag()));
  });

  await t.test("a reset shows first what it does, and can be undone", async () => {
    await page.getByRole("button", { name: "Reset…" }).click();
    const preview = page.getByRole("table", { name: "What would change" });
    await preview.waitFor();
    assert.ok((await preview.locator("tbody tr").count()) >= 2);
    await page.getByRole("button", { name: "Move the positions" }).click();
    await until("everything is to be read again", async () => (await lag()) === "120" || (await lag()));
    await page.getByRole("button", { name: "Undo", exact: true }).click();
    await until("the positions are back", async () => (await lag()) === "0" || (await lag()));
  });

  await t.test("the log screen, for the README", async () => {
    for (let at = 0; at < 44; at += 1) {
      const key = ["temperature", "humidity", "windspeed", "pressure", "temperature", "rain", "humidity"][at % 7];
      await post("/topics/weather/records", { key: { text: key }, value: { text: (9 + ((at * 7) % 50) / 10).toFixed(1) } });
      if (at === 29) await ottla(["consume", "weather", "-g", "dashboards", "--from", "start", "-n", "24"]);
      if (at === 37) await ottla(["consume", "weather", "-g", "forecast", "--from", "start", "-n", "38"]);
    }
    await go("/topics/weather/log");
    await page.getByRole("listitem").filter({ hasText: /forecast.*behind/ }).waitFor();
    await page.getByText("44 records").waitFor();
    for (const theme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: theme });
      await page.mouse.move(0, 0);
      // What was lit goes out, and the canvas takes on the theme.
      await page.waitForFunction(() => document.fonts.status === "loaded");
      await page.evaluate(
        () => new Promise((next) => { let left = 90; const wait = () => (left-- ? requestAnimationFrame(wait) : next()); wait(); }),
      );
      await page.screenshot({ path: picture(`log-${theme}`), clip: { x: 0, y: 0, width: 1440, height: 740 } });
    }
  });

  await done();
});
