// What the web client asks of an old phone: signing in over a slow network, and a letter typed in a large conversation.
// usage: node bench/web_phone.mjs SERVER (a server with open registration and no rate limits; see docs/performance.md).
// The processor is made six times slower and the network is DevTools' "Slow 4G" (once "Fast 3G"): 1.44 Mbit/s, 562.5 ms a round trip,
// by Chromium itself. CPU is what Chromium says of the page's main thread, in seconds of the slowed one.
import { call, chromium, inParallel, password, server, throughFirstRun } from "./web_bench.mjs";

const folder = process.env.PROFILES;
const SLOWER = 6;
const NETWORK = { offline: false, latency: 562.5, downloadThroughput: (1.44 * 1024 * 1024 / 8) * 0.9, uploadThroughput: (675 * 1024 / 8) * 0.9 };
const MEMBERS = 200;
const ROOMS = 30;
const MESSAGES = 60;
const run = Date.now().toString(36);

const register = (username) => call("POST", "/register", { username, password, auth: { type: "m.login.dummy" } });

/** A reader with rooms; one of them has many members and messages of several of them. */
async function fill() {
  const reader = await register(`reader${run}`);
  const { room_id: large } = await call("POST", "/createRoom", { name: "Grande salle", preset: "public_chat" }, reader.access_token);
  const people = [];
  await inParallel(MEMBERS, 6, async (index) => {
    people[index] = await register(`m${run}x${index}`);
    await call("PUT", `/profile/${people[index].user_id}/displayname`, { displayname: `Membre ${index}` }, people[index].access_token);
    await call("POST", `/join/${encodeURIComponent(large)}`, {}, people[index].access_token);
  });
  for (let index = 0; index < ROOMS; index++) {
    const { room_id: id } = await call("POST", "/createRoom", { name: `Salle ${index}`, preset: "private_chat" }, reader.access_token);
    await call("PUT", `/rooms/${encodeURIComponent(id)}/send/m.room.message/a`, { msgtype: "m.text", body: `Bonjour ${index}` }, reader.access_token);
  }
  for (let index = 0; index < MESSAGES; index++)
    await call("PUT", `/rooms/${encodeURIComponent(large)}/send/m.room.message/b${index}`, { msgtype: "m.text", body: `Message ${index}: ce qui a été dit ce matin` }, people[index % 20].access_token);
  return large;
}

const large = await fill();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });

async function phone(context, isSlow) {
  const page = await context.newPage();
  page.setDefaultTimeout(240_000);
  const cdp = await context.newCDPSession(page);
  const requests = [];
  await cdp.send("Network.enable");
  cdp.on("Network.requestWillBeSent", ({ requestId, request, timestamp }) => requests.push({ requestId, url: request.url, method: request.method, at: timestamp, bytes: 0 }));
  const of = (id) => requests.findLast((each) => each.requestId === id);
  cdp.on("Network.responseReceived", ({ requestId, response }) => { const found = of(requestId); if (found) { found.worker = response.fromServiceWorker; found.cached = response.fromDiskCache; } });
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength, timestamp }) => { const found = of(requestId); if (found) { found.bytes = encodedDataLength; found.end = timestamp; } });
  if (isSlow) {
    await cdp.send("Network.emulateNetworkConditions", NETWORK);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  }
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await cdp.send("Performance.getMetrics");
    const read = (name) => metrics.find((each) => each.name === name)?.value ?? 0;
    return { task: read("TaskDuration"), script: read("ScriptDuration"), layout: read("LayoutDuration") + read("RecalcStyleDuration"), count: read("LayoutCount"), heap: read("JSHeapUsedSize") };
  };
  return { page, cdp, requests, spent };
}

/** With PROFILES=folder, what was done meanwhile is left there: a trace of Chromium's. */
const profiled = async (name, work) => {
  if (!folder) return work();
  await browser.startTracing(null, { path: `${folder}/${name}.trace.json`, categories: ["devtools.timeline", "v8.execute", "disabled-by-default-v8.cpu_profiler", "disabled-by-default-devtools.timeline"] });
  await work();
  await browser.stopTracing();
};

const print = (name, value) => console.log(`${name.padEnd(58)} ${value}`);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const kilobytes = (all) => `${Math.round(all.reduce((sum, each) => sum + each.bytes, 0) / 1000)} kB in ${all.length} requests`;
const context = await browser.newContext({ locale: "fr-FR", viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
const watched = [];

/** What the service worker fetches is fetched over the same network. */
context.on("serviceworker", async (worker) => {
  try {
    const cdp = await browser.newBrowserCDPSession();
    const { targetInfos } = await cdp.send("Target.getTargets");
    const found = targetInfos.find((each) => each.type === "service_worker" && each.url === worker.url());
    const { sessionId } = await cdp.send("Target.attachToTarget", { targetId: found.targetId, flatten: false });
    let id = 0;
    const tell = (method, params = {}) => cdp.send("Target.sendMessageToTarget", { sessionId, message: JSON.stringify({ id: ++id, method, params }) });
    cdp.on("Target.receivedMessageFromTarget", ({ message }) => watched.push(JSON.parse(message)));
    await tell("Network.enable");
    await tell("Network.emulateNetworkConditions", NETWORK);
  } catch (error) { console.log("service worker:", error.message); }
});

async function signIn(first, think, isSlow) {
  const tab = await phone(context, isSlow);
  const { page, requests, spent } = tab;
  let at = performance.now();
  await page.goto(server, { waitUntil: "commit" });
  await page.getByLabel("Adresse e-mail professionnelle").waitFor();
  print("sign-in page can be used after", `${seconds(performance.now() - at)}, ${kilobytes(requests)}`);
  await page.getByLabel("Adresse e-mail professionnelle").fill(`reader${run}`);
  await page.waitForTimeout(think);
  print("  until the address is sent", kilobytes(requests));
  at = performance.now();
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.locator("#password").waitFor();
  print("password page after", seconds(performance.now() - at));
  await page.waitForTimeout(think);
  await page.locator("#password").fill(password);
  const before = requests.length;
  const from = await spent();
  at = performance.now();
  await page.keyboard.press("Enter");
  if (first) {
    await page.getByLabel("Votre nom").waitFor();
    print("from the password to the first question", seconds(performance.now() - at));
    await throughFirstRun(page);
  } else {
    await page.getByRole("heading", { name: "Confirmez cet appareil" }).waitFor();
    print("from the password to the question of this device", seconds(performance.now() - at));
    await page.getByRole("button", { name: /plus tard/i }).first().click();
  }
  await page.getByText(/^Salle/).first().waitFor();
  const now = await spent();
  print("from the password to the list", `${seconds(performance.now() - at)}, ${kilobytes(requests.slice(before))}; main thread ${now.task.toFixed(1)} CPU-s (${now.script.toFixed(1)} script, ${now.layout.toFixed(1)} layout)`);
  if (process.env.VERBOSE) {
    const zero = requests[before].at;
    for (const each of requests.slice(before)) console.log(`   ${(each.at - zero).toFixed(2).padStart(6)} ${(each.end ? each.end - zero : 0).toFixed(2).padStart(6)} ${String(each.bytes).padStart(8)} ${each.worker ? "w" : " "}${each.cached ? "c" : " "} ${each.method} ${each.url.replace(server, "").slice(0, 110)}`);
  }
  return tab;
}

/** Until the page does no more than a twentieth of a second of work in two seconds: what was said before is fetched and looked through. */
async function quiet(page, spent) {
  for (let before = await spent(); ; ) {
    await page.waitForTimeout(2000);
    const now = await spent();
    if (now.task - before.task < 0.05) return;
    before = now;
  }
}

async function typing() {
  const { page, cdp, spent } = await phone(context, false);
  await page.goto(`${server}/#/room/${encodeURIComponent(large)}`);
  const field = page.getByTestId("composer");
  await field.waitFor();
  await page.getByText(`Message ${MESSAGES - 1}:`).first().waitFor();
  await quiet(page, spent);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
  await field.focus();
  const words = "nous nous retrouvons demain matin devant la mairie pour regarder les digues";
  await field.evaluate((box) => {
    globalThis.shown = [];
    box.addEventListener("beforeinput", () => {
      const at = performance.now();
      requestAnimationFrame(() => setTimeout(() => globalThis.shown.push(performance.now() - at)));
    });
  });
  await field.pressSequentially("Bonjour ");
  const before = await spent();
  await profiled("typing", async () => {
    for (const letter of words) {
      await page.keyboard.type(letter);
      await page.waitForTimeout(150);
    }
  });
  const after = await spent();
  const shown = (await page.evaluate(() => globalThis.shown)).slice(8).sort((a, b) => a - b);
  const each = (what) => `${(((after[what] - before[what]) * 1000) / words.length).toFixed(1)} ms`;
  print("a letter typed, until it is drawn, median / p95", `${shown[Math.floor(shown.length / 2)].toFixed(0)} / ${shown[Math.floor(shown.length * 0.95)].toFixed(0)} ms`);
  print("  main thread for each", `${each("task")} (${each("script")} script, ${each("layout")} layout), ${((after.count - before.count) / words.length).toFixed(1)} layouts`);
  print("  messages in the page", await page.locator(".msg").count());
  await page.close();
}

const think = Number(process.env.THINK ?? 5000);
const only = process.env.ONLY;
const first = await signIn(true, think, only !== "typing");
await first.page.waitForTimeout(3000);
await first.page.close();
if (only !== "sign-in") await typing();
await browser.close();
