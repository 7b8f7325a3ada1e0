// What somebody on a slow network waits for: the sign-in page is small, and what they need once they are in comes while they sign in.
import { assert, play, server, until, visit } from "./stage.mjs";

/** Of all that the sign-in page fetches before it can be used, compressed. */
const MOST_BYTES = 290_000;
const MOST_REQUESTS = 30;
const NAME = `paul${Date.now()}`;
const PASSWORD = "correct horse paul";
let page;
let first;
const requests = [];

const filesOf = (each) => each.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith("/assets/")));
const askedFor = (path) => requests.filter((each) => each.pathname === path).length;

await play({
  async "the sign-in page is small"() {
    const body = JSON.stringify({ username: NAME, password: PASSWORD, auth: { type: "m.login.dummy" } });
    const made = await fetch(`${server}/_matrix/client/v3/register`, { method: "POST", headers: { "content-type": "application/json" }, body });
    assert(made.ok, `no account: ${made.status}`);
    page = await visit();
    page.on("request", (request) => requests.push(new URL(request.url())));
    const devtools = await page.context().newCDPSession(page);
    const loaded = [];
    await devtools.send("Network.enable");
    devtools.on("Network.loadingFinished", ({ encodedDataLength }) => loaded.push(encodedDataLength));
    await page.goto(server);
    await page.getByLabel("Adresse e-mail professionnelle").fill(NAME);
    const bytes = loaded.reduce((sum, each) => sum + each, 0);
    assert(bytes <= MOST_BYTES && loaded.length <= MOST_REQUESTS, `the sign-in page takes ${bytes} bytes in ${loaded.length} requests`);
    first = new Set(await filesOf(page));
    assert(![...first].some((each) => each.endsWith(".wasm")), "the page itself fetches the encryption");
  },
  async "what is needed next comes meanwhile, in the service worker"() {
    const names = await page.locator('meta[name="later"]').getAttribute("content");
    const later = names.split(" ");
    const kept = () => page.evaluate(async () => (await Promise.all((await caches.keys()).map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname)))).flat());
    await until("all of it is kept", async () => {
      const all = new Set(await kept());
      return later.every((each) => all.has(each));
    });
    for (const each of later) first.add(each);
  },
  async "from the password to the first question nothing else is fetched, and nothing is asked twice"() {
    await page.getByRole("button", { name: "Continuer" }).click();
    await page.locator("#password").fill(PASSWORD);
    requests.length = 0;
    await page.keyboard.press("Enter");
    await page.getByLabel("Votre nom").waitFor();
    const missing = (await filesOf(page)).filter((each) => !first.has(each) && !each.includes("search_worker"));
    assert(!missing.length, `fetched after the password, so to be fetched before it (vite.config.ts, LATER): ${missing}`);
    for (const [path, most] of [["/_matrix/client/v1/auth_metadata", 0], ["/_matrix/client/versions", 1], ["/_matrix/client/v3/account/whoami", 1]])
      assert(askedFor(path) <= most, `${path} is asked ${askedFor(path)} times`);
  },
});
