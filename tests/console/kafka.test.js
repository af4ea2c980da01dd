// The console as a client of Apache Kafka: what it shows, what it changes, and what it says is not for it.

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { audit, close, open, picture, until } from "./browser.js";

const port = Number(process.env.PORT);
const kafka = `127.0.0.1:${port + 6}`;
const at = `http://127.0.0.1:${port + 7}`;
const scratch = mkdtempSync(join(tmpdir(), "ottla-kafka."));
const scripts = join(import.meta.dirname, "..", "kafka");
let consoleProcess;

function ottla(args, input = "") {
  return new Promise((resolve, reject) => {
    const child = execFile(process.env.OTTLA, [...args, "-b", kafka], (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

before(async () => {
  execFileSync(join(scripts, "start"), [String(port + 6), join(scratch, "kafka")], { stdio: "ignore" });
  consoleProcess = spawn(process.env.OTTLA, ["console", "-b", kafka, "--listen", `127.0.0.1:${port + 7}`, "--name", "apache"], {
    stdio: "ignore",
  });
  await until("the console", async () => {
    try {
      return (await fetch(`${at}/api/v1/overview`)).ok;
    } catch (error) {
      return String(error);
    }
  });
  await ottla(["topic", "create", "London", "-p", "2"]);
  await ottla(["produce", "London", "-k", "temp", "14.2", "15.0", "9007199254740993"]);
  await ottla(["consume", "London", "-g", "readers", "--from", "start", "-n", "1"]);
});

after(async () => {
  await close();
  consoleProcess?.kill();
  execFileSync(join(scripts, "stop"), [join(scratch, "kafka")], { stdio: "ignore" });
  rmSync(scratch, { recursive: true, force: true });
});

/** Pages, each with a text that it shows once it is there. */
const PAGES = [
  ["/", "apache"],
  ["/", "Only a broker of Ottla's tells this"],
  ["/topics", "London"],
  ["/topics/London/log", "high watermark"],
  ["/topics/London/log?table=true", "Last stable"],
  ["/topics/London/records?from=beginning", "9007199254740993"],
  ["/topics/London/partitions", "Log start"],
  ["/topics/London/config?all=true", "cleanup.policy"],
  ["/groups", "readers"],
  ["/groups/readers", "Committed"],
  ["/groups/readers?reset=true", "Moves by"],
  ["/brokers?all=true", "log.dirs"],
  ["/connect", "not for this cluster"],
  ["/clients", "not for this cluster"],
];

for (const [path, text] of PAGES) {
  test(`${path} of Apache Kafka shows ${text}, accessibly`, async () => {
    const { page, done } = await open(path, { at });
    await page.getByText(text).first().waitFor();
    assert.deepEqual(await audit(page), []);
    await done();
  });
}

test("a record of Apache Kafka's is shown down to its bytes", async () => {
  const { records } = await (await fetch(`${at}/api/v1/topics/London/records?from=beginning`)).json();
  const view = `${records[0].partition}@${records[0].offset}`;
  const { page, done } = await open(`/topics/London/records?from=beginning&view=${view}&tab=bytes`, { at });
  await page.getByRole("tabpanel").getByText("timestampDelta").first().waitFor();
  await done();
});

test("of the journey of a record of Apache Kafka's, the ends are told", async () => {
  const { records } = await (await fetch(`${at}/api/v1/topics/London/records?from=beginning`)).json();
  const view = `${records[0].partition}@${records[0].offset}`;
  const { page, done } = await open(`/topics/London/records?from=beginning&view=${view}&tab=journey`, { at });
  await page.getByText("Only a broker of Ottla's tells this").waitFor();
  const own = await page.getByRole("list", { name: "The record itself" }).getByRole("listitem").allInnerTexts();
  assert.match(own[0], /\d\d:\d\d:\d\d\.\d{3}/);
  assert.match(own[1], /done/);
  const steps = page.getByRole("list", { name: "In group readers" }).getByRole("listitem");
  assert.match((await steps.allInnerTexts())[1], /done|not yet/);
  assert.deepEqual(await audit(page), []);
  await page.screenshot({ path: picture("journey-kafka") });
  await done();
});

test("a record is produced, and a group reset to it and back", async () => {
  const { page, done } = await open("/groups/readers?reset=true", { at });
  await page.getByText("Moves by").first().waitFor();
  const committed = async () => {
    const group = await (await fetch(`${at}/api/v1/groups/readers`)).json();
    return group.offsets.map((one) => one.committedOffset).join();
  };
  const send = (path, body) =>
    fetch(`${at}/api/v1${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const before = await committed();
  assert.equal((await send("/topics/London/records", { key: { text: "temp" }, value: { text: "16.1" } })).status, 200);
  const reset = await (await send("/groups/readers/reset", { to: { kind: "end" }, dryRun: false })).json();
  assert.equal(reset.applied, true);
  assert.notEqual(await committed(), before);
  const undone = await (await send("/groups/readers/reset/undo", { id: reset.undo.id })).json();
  assert.equal(undone.applied, true);
  assert.equal(await committed(), before);
  await done();
});
