// What a tab of the web client keeps after a day: rooms are opened, read and written in while messages and pictures come in.
// usage: node bench/web_memory.mjs SERVER (a server with open registration and no rate limits; see docs/performance.md).
// A "day" is pressed together: HOURS times the same hour of MESSAGES that come, OPENED conversations, WRITTEN answers.
import { readFileSync } from "node:fs";
import { deflateSync, crc32 } from "node:zlib";
import { call, chromium, inParallel, password, server, throughFirstRun } from "./web_bench.mjs";

const HOURS = Number(process.env.HOURS ?? 8);
const ROOMS = 60;
const MESSAGES = 400;
const PICTURES = 8;
const OPENED = 30;
const WRITTEN = 10;
const run = Date.now().toString(36);

const register = (username) => call("POST", "/register", { username, password, auth: { type: "m.login.dummy" } });

/** A picture of noise, which no format makes small: 640 x 480, about 900 kB. */
function picture(seed) {
  const [width, height] = [640, 480];
  const lines = Buffer.alloc(height * (1 + 3 * width));
  let state = seed + 1;
  for (let at = 0; at < lines.length; at++) lines[at] = at % (1 + 3 * width) === 0 ? 0 : (state = (state * 1103515245 + 12345) & 0x7fffffff) >> 16;
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", deflateSync(lines)), chunk("IEND", Buffer.alloc(0))]);
}

const reader = await register(`reader${run}`);
const colleague = await register(`colleague${run}`);
const rooms = [];
await inParallel(ROOMS, 4, async (index) => {
  const { room_id: id } = await call("POST", "/createRoom", { name: `Salle ${index}`, preset: "public_chat" }, colleague.access_token);
  await call("POST", `/join/${encodeURIComponent(id)}`, {}, reader.access_token);
  rooms[index] = id;
});
let said = 0;
const say = (room, content) => call("PUT", `/rooms/${encodeURIComponent(room)}/send/m.room.message/t${said++}`, content, colleague.access_token);
for (const room of rooms) for (let n = 0; n < 20; n++) await say(room, { msgtype: "m.text", body: `Avant ${n}` });

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
const context = await browser.newContext({ locale: "fr-FR", viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(120_000);
await page.goto(server);
await page.getByLabel("Adresse e-mail professionnelle").fill(`reader${run}`);
await page.getByRole("button", { name: "Continuer" }).click();
await page.locator("#password").fill(password);
await page.keyboard.press("Enter");
await page.getByLabel("Votre nom").waitFor();
await throughFirstRun(page);
await page.getByText(/^Salle/).first().waitFor();

const cdp = await context.newCDPSession(page);
await cdp.send("Performance.enable");

const whole = await browser.newBrowserCDPSession();

/** Of this browser's largest renderer, in megabytes: what no other process shares with it. */
async function privateMegabytes() {
  const { processInfo } = await whole.send("SystemInfo.getProcessInfo");
  const sizes = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => {
    const found = [...readFileSync(`/proc/${id}/smaps_rollup`, "utf8").matchAll(/^Private_\w+:\s+(\d+)/gm)];
    return found.reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0) / 1024;
  });
  return Math.max(...sizes);
}

async function kept(name) {
  for (let turn = 0; turn < 3; turn++) await cdp.send("HeapProfiler.collectGarbage");
  const { metrics } = await cdp.send("Performance.getMetrics");
  const read = (which) => metrics.find((each) => each.name === which)?.value ?? 0;
  console.log(`${name.padEnd(12)} heap ${(read("JSHeapUsedSize") / 1e6).toFixed(1).padStart(6)} MB   process ${(await privateMegabytes()).toFixed(0).padStart(4)} MB   ${read("Nodes")} nodes   ${read("JSEventListeners")} listeners`);
}

await page.waitForTimeout(3000);
await kept("begin");
for (let hour = 1; hour <= HOURS; hour++) {
  for (let n = 0; n < MESSAGES; n++) await say(rooms[(n * 7) % ROOMS], { msgtype: "m.text", body: `${hour}.${n} : ce qui a été dit ce matin, et qu’il faut lire avant la réunion` });
  for (let n = 0; n < PICTURES; n++) {
    const raw = picture(hour * 100 + n);
    const answer = await fetch(`${server}/_matrix/media/v3/upload?filename=p.png`, { method: "POST", body: raw, headers: { "Content-Type": "image/png", Authorization: `Bearer ${colleague.access_token}` } });
    const { content_uri: url } = await answer.json();
    await say(rooms[n], { msgtype: "m.image", body: "p.png", url, info: { mimetype: "image/png", size: raw.length, w: 640, h: 480 } });
  }
  for (let n = 0; n < OPENED; n++) {
    const last = `Lu ${hour}.${n}`;
    const room = rooms[(hour * OPENED + n) % ROOMS];
    await say(room, { msgtype: "m.text", body: last });
    await page.evaluate((to) => { location.hash = to; }, `#/room/${encodeURIComponent(room)}`);
    await page.getByTestId("timeline").getByText(last, { exact: true }).waitFor();
    if (n < WRITTEN) {
      await page.getByTestId("composer").fill(`Réponse ${hour}.${n}`);
      await page.getByTestId("composer").press("Enter");
      await page.getByTestId("timeline").getByText(`Réponse ${hour}.${n}`, { exact: true }).waitFor();
    }
  }
  await kept(`hour ${hour}`);
}
await browser.close();
