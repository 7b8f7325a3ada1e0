// What the list of rooms costs its reader: an account with many rooms is filled over HTTP, opened once, and started warm again.
// usage: node bench/web_list.mjs SERVER ROOMS [FOLDER] (a server with open registration and no rate limits; see docs/performance.md).
// In FOLDER the browser is kept, so that a second run measures without filling, and a profile of the last start is written.
// CPU is what Chromium says of the page's process (all its threads) and of its main thread.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { call, chromium, inParallel, password, server, throughFirstRun } from "./web_bench.mjs";

const [rooms, folder] = [Number(process.argv[3] ?? 300), process.argv[4]];
const kept = folder && `${folder}/account.json`;
const isFilled = Boolean(kept && existsSync(kept));
if (folder) mkdirSync(folder, { recursive: true });

/** A colleague makes rooms with the reader and writes in each: a tenth are direct, a tenth favourites, a tenth encrypted. */
async function fill() {
  const run = Date.now();
  const reader = await call("POST", "/register", { username: `reader${run}`, password, auth: { type: "m.login.dummy" } });
  const colleague = await call("POST", "/register", { username: `colleague${run}`, password, auth: { type: "m.login.dummy" } });
  const directs = [];
  const made = [];
  await inParallel(rooms, 12, async (index) => {
    const encrypted = index % 10 === 3 ? [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }] : [];
    const { room_id: id } = await call("POST", "/createRoom", { name: `Salle ${index}`, preset: "private_chat", invite: [reader.user_id], initial_state: encrypted }, colleague.access_token);
    made[index] = id;
    await call("POST", `/join/${encodeURIComponent(id)}`, {}, reader.access_token);
    for (let turn = 0; turn < 3; turn++) await call("PUT", `/rooms/${encodeURIComponent(id)}/send/m.room.message/a${index}-${turn}`, { msgtype: "m.text", body: `Bonjour ${index}, message ${turn}` }, colleague.access_token);
    if (index % 10 === 1) directs.push(id);
    if (index % 10 === 2) await call("PUT", `/user/${reader.user_id}/rooms/${encodeURIComponent(id)}/tags/m.favourite`, { order: 0.5 }, reader.access_token);
  });
  const space = await call("POST", "/createRoom", { name: "Service", creation_content: { type: "m.space" } }, reader.access_token);
  await inParallel(Math.min(rooms, 50), 8, (index) => call("PUT", `/rooms/${encodeURIComponent(space.room_id)}/state/m.space.child/${encodeURIComponent(made[index])}`, { via: ["localhost"] }, reader.access_token));
  await call("PUT", `/user/${reader.user_id}/account_data/m.direct`, { [colleague.user_id]: directs }, reader.access_token);
  return { reader: `reader${run}`, token: colleague.access_token, made };
}

const account = isFilled ? JSON.parse(readFileSync(kept, "utf8")) : await fill();
const made = account.made;
const context = await chromium.launchPersistentContext(folder ? `${folder}/browser` : "", {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  locale: "fr-FR", viewport: { width: 1440, height: 900 },
});
const devtools = await context.browser().newBrowserCDPSession();

async function open() {
  const page = await context.newPage();
  page.setDefaultTimeout(240_000);
  const cdp = await context.newCDPSession(page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await cdp.send("Performance.getMetrics");
    const of = (name) => metrics.find((each) => each.name === name)?.value ?? 0;
    const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
    const pages = processInfo.filter((each) => each.type === "renderer").reduce((sum, each) => sum + each.cpuTime, 0);
    return { pages, main: of("TaskDuration"), script: of("ScriptDuration"), layout: of("LayoutDuration") + of("RecalcStyleDuration"), nodes: of("Nodes"), heap: of("JSHeapUsedSize") };
  };
  return { page, cdp, spent };
}

/** Until the page does no more than a tenth of a second of work in a second and a half. */
async function quiet({ page, spent }) {
  for (let before = await spent(); ; ) {
    await page.waitForTimeout(1500);
    const now = await spent();
    if (now.pages - before.pages < 0.1) return;
    before = now;
  }
}

const print = (name, value) => console.log(`${name.padEnd(58)} ${value}`);
if (!isFilled) {
  const first = await open();
  const began = performance.now();
  await first.page.goto(server);
  await first.page.getByLabel("Adresse e-mail professionnelle").fill(account.reader);
  await first.page.getByRole("button", { name: "Continuer" }).click();
  await first.page.locator("#password").fill(password);
  await first.page.keyboard.press("Enter");
  await first.page.getByLabel("Votre nom").waitFor();
  await throughFirstRun(first.page);
  await first.page.getByText(/^Salle/).first().waitFor();
  print(`${rooms} rooms: first sign-in until the list`, `${((performance.now() - began) / 1000).toFixed(1)} s`);
  await quiet(first);
  await first.page.waitForTimeout(11_000); // the list is kept ten seconds after it has changed
  await first.page.close();
  if (kept) writeFileSync(kept, JSON.stringify(account));
}

const seconds = (from, to, what) => (to[what] - from[what]).toFixed(2);
const told = (name, from, to) => print(name, `${seconds(from, to, "pages")} CPU-s of the process, ${seconds(from, to, "main")} main thread (${seconds(from, to, "script")} script, ${seconds(from, to, "layout")} layout)`);
for (let turn = 0; turn < 3; turn++) {
  const tab = await open();
  const isLast = turn === 2;
  if (folder && isLast) {
    await tab.cdp.send("Profiler.enable");
    await tab.cdp.send("Profiler.setSamplingInterval", { interval: 500 });
    await tab.cdp.send("Profiler.start");
  }
  const from = await tab.spent();
  const at = performance.now();
  await tab.page.goto(`${server}/#/`, { waitUntil: "commit" });
  await tab.page.locator("a.room").first().waitFor();
  const shown = await tab.spent();
  const wall = performance.now() - at;
  await quiet(tab);
  const settled = await tab.spent();
  if (folder && isLast) writeFileSync(`${folder}/profile.json`, JSON.stringify((await tab.cdp.send("Profiler.stop")).profile));
  told(`warm start ${turn + 1}, list shown after ${(wall / 1000).toFixed(2)} s`, from, shown);
  told("  until the page is quiet", from, settled);
  print("  rows, nodes, heap", `${await tab.page.locator("a.room").count()} rows, ${settled.nodes} nodes, ${(settled.heap / 1e6).toFixed(0)} MB`);
  if (isLast) {
    const before = await tab.spent();
    const news = `Nouvelle ${Date.now()}`;
    for (let index = 0; index < 20; index++) {
      await call("PUT", `/rooms/${encodeURIComponent(made[(index * 10 + 2) % rooms])}/send/m.room.message/${encodeURIComponent(news)}${index}`, { msgtype: "m.text", body: `${news} ${index}` }, account.token);
      await tab.page.getByText(`${news} ${index}`).first().waitFor();
    }
    told("  20 messages in 20 rooms, each seen", before, await tab.spent());
  }
  await tab.page.waitForTimeout(11_000); // the list is kept ten seconds after it has changed
  await tab.page.close();
}
await context.close();
