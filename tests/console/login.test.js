// A console with users, behind a proxy, under a path: the log-in, who may only look, and every link below the path.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { audit, close, open, until } from "./browser.js";

const port = Number(process.env.PORT);
const [kafka, inner, outer] = [port + 2, port + 3, port + 4];
const folder = `http://127.0.0.1:${outer}/kafka`;
const scratch = mkdtempSync(join(tmpdir(), "ottla-login."));
const seen = [];
let broker;

/** The hash of a password, as the command line makes it. */
function hash(password) {
  return new Promise((resolve) => {
    const child = spawn(process.env.OTTLA, ["console", "hash-password"]);
    let text = "";
    child.stdout.on("data", (more) => {
      text += more;
    });
    child.on("close", () => resolve(text.trim()));
    child.stdin.end(`${password}\n`);
  });
}

/** Passes on what is below /kafka under another host name, as proxies do; another site is elsewhere. */
const proxy = createServer((asked, answer) => {
  seen.push(asked.url);
  if (!asked.url.startsWith("/kafka")) return answer.writeHead(404).end("another site");
  const headers = { ...asked.headers, host: `localhost:${inner}`, "x-forwarded-host": asked.headers.host };
  const passed = request({ port: inner, host: "127.0.0.1", method: asked.method, path: asked.url, headers }, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  answer.on("close", () => passed.destroy());
  asked.pipe(passed);
});

before(async () => {
  const users = `ada:${await hash("umbrella")};eve:${await hash("rain")}:read-only`;
  broker = spawn(process.env.OTTLA, [
    "serve", "--data-dir", join(scratch, "data"), "--listen", `localhost:${kafka}`,
    "--console", `127.0.0.1:${inner}`, "--set", "ottla.console.base.path=/kafka",
  ], { env: { ...process.env, OTTLA_CONSOLE_USERS: users }, stdio: "ignore" });
  await new Promise((resolve) => proxy.listen(outer, "127.0.0.1", resolve));
  await until("the console", async () => {
    try {
      return (await fetch(`${folder}/api/v1/session`)).ok;
    } catch (error) {
      return String(error);
    }
  });
});

after(async () => {
  await close();
  proxy.closeAllConnections();
  proxy.close();
  await new Promise((resolve) => {
    broker.on("close", resolve);
    broker.kill();
  });
  rmSync(scratch, { recursive: true });
});

async function logIn(page, user, password) {
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("who logs in sees the page that was asked for, and changes things below the path", async () => {
  const { page, done } = await open("/topics?q=Lon", { at: folder });
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.deepEqual(await audit(page), []);
  await logIn(page, "ada", "umbrella");
  await page.getByRole("heading", { name: "Topics" }).waitFor();
  assert.equal(page.url(), `${folder}/topics?q=Lon`);
  await page.goto(`${folder}/topics?create=true`);
  await page.getByLabel("Name").fill("London");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await until("its log", () => page.url().startsWith(`${folder}/topics/London/`));
  await page.reload();
  await page.getByRole("heading", { name: "London" }).waitFor();
  await page.getByRole("link", { name: "Groups" }).click();
  await until("the groups", () => page.url() === `${folder}/groups`);
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ path, httpOnly, sameSite }) => ({ path, httpOnly, sameSite })), [
    { path: "/kafka/", httpOnly: true, sameSite: "Strict" },
  ]);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await done();
  assert.deepEqual(seen.filter((path) => !path.startsWith("/kafka")), []);
});

test("a wrong password is told, and no reason to try the name again", async () => {
  const { page } = await open("/", { at: folder });
  await logIn(page, "nobody", "rain");
  await page.getByText("there is no such user with this password").waitFor();
  await page.context().close();
});

test("who may only look is told so by every button that changes something", async () => {
  const { page, go } = await open("/topics", { at: folder });
  await logIn(page, "eve", "rain");
  const why = "eve may look at everything and change nothing.";
  const button = page.getByRole("button", { name: /Create a topic/ });
  await button.waitFor();
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  await button.focus();
  await page.keyboard.press("Enter");
  await page.locator("[aria-live]").getByText(why).waitFor();
  const found = await audit(page);
  for (const [path, text] of [
    ["/topics/London/log", why],
    ["/topics/London/records", "Produce"],
    ["/topics/London/config?all=true", "cleanup.policy"],
  ]) {
    await go(path);
    await page.getByText(text).first().waitFor();
    found.push(...(await audit(page)).map((one) => `${path}: ${one}`));
  }
  assert.deepEqual(found, []);
  const status = await page.evaluate(async () => {
    const url = new URL("api/v1/topics/London", document.baseURI);
    return (await fetch(url, { method: "DELETE" })).status;
  });
  assert.equal(status, 403);
  await page.context().close();
});
