// What the web client costs its reader: bytes of the first load, a warm start with many rooms, switching rooms, typing,
// scrolling a very long room. usage: node bench/web.mjs SERVER ROOMS MESSAGES (see docs/performance.md)
import { call, chromium, inParallel, password, server, throughFirstRun } from "./web_bench.mjs";

const [rooms, messages] = [Number(process.argv[3] ?? 500), Number(process.argv[4] ?? 100_000)];
const user = `bench${Date.now()}`;

const { access_token: token } = await call("POST", "/register", { username: user, password, auth: { type: "m.login.dummy" } });
const made = [];
await inParallel(rooms, 16, async (index) => { made[index] = (await call("POST", "/createRoom", { name: `Salle ${index}`, preset: "private_chat" }, token)).room_id; });
await inParallel(rooms, 16, (index) => call("PUT", `/rooms/${encodeURIComponent(made[index])}/send/m.room.message/a${index}`, { msgtype: "m.text", body: `Bonjour ${index}` }, token));
const long = made[0];
await inParallel(messages, 64, (index) => call("PUT", `/rooms/${encodeURIComponent(long)}/send/m.room.message/l${index}`, { msgtype: "m.text", body: `Message ${index} de la longue salle` }, token));

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
const context = await browser.newContext({ locale: "fr-FR", viewport: { width: 1440, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(120_000);
// the service worker answers for most files: what the server sends for each is asked of the server
async function loaded(kind) {
  const urls = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  const sizes = await Promise.all([...new Set(urls)].filter((url) => kind.test(url)).map(async (url) => {
    const answer = await fetch(url, { method: "GET", headers: { "Accept-Encoding": "br" } });
    await answer.arrayBuffer();
    return Number(answer.headers.get("content-length"));
  }));
  return sizes.reduce((sum, each) => sum + each, 0);
}
const SCRIPTS = /\/assets\/(?!rust-crypto).*\.js$/;
const CRYPTO = /\/assets\/(rust-crypto.*\.js|.*\.wasm)$/;
await page.goto(server);
await page.getByLabel("Adresse e-mail professionnelle").fill(user);
await page.waitForTimeout(500);
const signInPage = await loaded(SCRIPTS);
await page.getByRole("button", { name: "Continuer" }).click();
await page.locator("#password").fill(password);
await page.keyboard.press("Enter");
await page.getByLabel("Votre nom").waitFor();
await throughFirstRun(page);
await page.getByRole("link", { name: /^Salle/ }).first().waitFor();
await page.waitForTimeout(4000);

const [scripts, crypto] = [await loaded(SCRIPTS), await loaded(CRYPTO)];
const print = (name, value, budget) => console.log(`${name.padEnd(52)} ${String(value).padStart(10)}   ${budget}`);
print("JavaScript of the sign-in page, compressed", `${Math.round(signInPage / 1000)} kB`, "");
print("JavaScript before the encryption module, compressed", `${Math.round(scripts / 1000)} kB`, "< 400 kB");
print("encryption module, compressed", `${Math.round(crypto / 1000)} kB`, "");

const warm = [];
for (let turn = 0; turn < 3; turn++) {
  const began = performance.now();
  await page.goto(`${server}/#/`);
  await page.reload({ waitUntil: "commit" });
  await page.getByRole("link", { name: /^Salle/ }).first().waitFor();
  warm.push(performance.now() - began);
  await page.waitForTimeout(3000);
}
print(`warm start, ${rooms} rooms`, `${Math.round(Math.min(...warm))} ms`, "< 2000 ms");

const switched = [];
const links = page.locator("a.room");
for (let turn = 0; turn < 20; turn++) {
  switched.push(await links.nth(turn + 1).evaluate((link) => new Promise((resolve) => {
    const name = link.querySelector(".n span").textContent;
    const began = performance.now();
    const look = () => (document.querySelector("main h1")?.textContent === name && document.querySelector("main .msg") ? resolve(performance.now() - began) : requestAnimationFrame(look));
    link.click();
    look();
  })));
}
switched.sort((a, b) => a - b);
print("switching rooms, median of 20", `${Math.round(switched[10])} ms`, "< 100 ms");
print("switching rooms, 95th percentile", `${Math.round(switched[18])} ms`, "");

const typed = await page.getByTestId("composer").evaluate(async (box) => {
  const setter = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
  const times = [];
  for (let turn = 0; turn < 60; turn++) {
    const began = performance.now();
    setter.call(box, box.value + "a");
    box.dispatchEvent(new Event("input", { bubbles: true }));
    times.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  return times.sort((a, b) => a - b)[57];
});
print("a key typed, 95th percentile", `${typed.toFixed(1)} ms`, "< 16 ms");

await page.evaluate((id) => { location.hash = `#/room/${encodeURIComponent(id)}`; }, long);
await page.getByText(`Message ${messages - 1} de la longue salle`).waitFor().catch(() => {});
await page.waitForTimeout(1500);
const scroll = await page.getByTestId("timeline").evaluate(async (box) => {
  const frames = [];
  let last = performance.now();
  let seen = 0;
  for (let turn = 0; turn < 600; turn++) {
    box.scrollTop -= 120;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
    seen = Math.max(seen, box.querySelectorAll(".msg").length);
  }
  frames.sort((a, b) => a - b);
  return { median: frames[300], p95: frames[570], worst: frames[599], drawn: seen };
});
print(`scrolling back in a room of ${messages} messages, frame p50`, `${scroll.median.toFixed(1)} ms`, "");
print("frame p95", `${scroll.p95.toFixed(1)} ms`, "< 50 ms");
print("worst frame", `${scroll.worst.toFixed(1)} ms`, "");
print("messages drawn at once, at most", scroll.drawn, "");
await browser.close();
