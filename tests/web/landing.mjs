// Links to messages: a thousand messages, and a link to any of them leads there.
import { createRequire } from "node:module";
import { act, arrive, assert, createRoom, look, messages, play, say, sees, server, until } from "./stage.mjs";

const require = createRequire(new URL("../clients/js/package.json", import.meta.url));
const { createClient } = await import(require.resolve("matrix-js-sdk"));
const { logger } = await import(require.resolve("matrix-js-sdk/lib/logger.js"));
await import(require.resolve("fake-indexeddb/auto"));
logger.setLevel("silent");
for (const name of ["debug", "info", "warn"]) console[name] = () => {};

const MANY = 1000;
const FEW = 200; // in the clear it is the same, without the keys
let claire;
let bot;
let plain;
let sealed;
const ids = new Map(); // by room, the events in their order

async function call(method, path, body, token) {
  const answer = await fetch(`${server}/_matrix/client/v3/${path}`, { method, headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) }, body: body && JSON.stringify(body) });
  return answer.json();
}

const idOf = (page) => page.evaluate(() => decodeURIComponent(location.hash.split("/")[2].split("?")[0]));
const linkTo = (room, event) => `${server}/#/room/${encodeURIComponent(room)}/${encodeURIComponent(event)}`;

/** The message that a link names is on the screen, whole, and lit. */
async function lands(page, event, text) {
  const row = messages(page).locator(`article[data-event="${event}"].lit`);
  await row.getByText(text, { exact: true }).waitFor();
  await page.waitForFunction((id) => {
    const found = document.querySelector(`article[data-event="${CSS.escape(id)}"]`)?.getBoundingClientRect();
    const box = document.querySelector("[data-testid=timeline]").getBoundingClientRect();
    return found && found.top >= box.top - 1 && found.bottom <= box.bottom + 1;
  }, event);
}

/** Numbers that are the same in every run. */
function* scattered(count, most) {
  let seed = 7;
  for (let n = 0; n < count; n += 1) {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    yield 1 + (seed % most);
  }
}

await play({
  async "a thousand messages in an encrypted room, some in a plain one"() {
    claire = await arrive("Claire Vasseur");
    const session = await call("POST", "register", { username: "anne", password: "correct horse anne", auth: { type: "m.login.dummy" } });
    bot = createClient({ baseUrl: server, userId: session.user_id, deviceId: session.device_id, accessToken: session.access_token });
    await bot.initRustCrypto({ useIndexedDB: false });
    await bot.startClient({ initialSyncLimit: 5 });
    await createRoom(claire, "Scellée");
    sealed = await idOf(claire);
    await say(claire, "/invite @anne:localhost");
    await until("invited", () => bot.getRoom(sealed)?.getMyMembership() === "invite");
    await bot.joinRoom(sealed);
    await sees(claire, "anne a rejoint");
    await until("encrypted", () => bot.getRoom(sealed)?.hasEncryptionStateEvent());
    plain = (await bot.createRoom({ name: "Ouverte", preset: "public_chat" })).room_id;
    await call("POST", `join/${encodeURIComponent(plain)}`, {}, session.access_token);
    await claire.goto("about:blank"); // she is away while it is said
    for (const room of [plain, sealed]) ids.set(room, []);
    for (let n = 1; n <= MANY; n += 1) {
      ids.get(sealed).push((await bot.sendTextMessage(sealed, `Relevé ${n}`)).event_id);
      if (n <= FEW) ids.get(plain).push((await bot.sendTextMessage(plain, `Relevé ${n}`)).event_id);
    }
    await claire.goto(`${server}/#/room/${encodeURIComponent(sealed)}`);
    await sees(claire, `Relevé ${MANY}`);
  },
  async "a link into a room that one is not in offers to come in, and lands then"() {
    await claire.goto(linkTo(plain, ids.get(plain)[41]));
    await claire.getByText("Vous n’êtes pas dans cette discussion").waitFor();
    await look(claire, "link-not-in");
    await claire.getByRole("button", { name: "Essayer d’entrer" }).click();
    await lands(claire, ids.get(plain)[41], "Relevé 42");
  },
  async "twenty links into either, opened in a page of their own, land on their messages"() {
    for (const [room, count, most] of [[plain, 5, FEW], [sealed, 20, MANY]]) {
      let turn = 0;
      for (const n of scattered(count, most)) {
        const link = linkTo(room, ids.get(room)[n - 1]);
        if (turn++ % 5 === 0) {
          await claire.evaluate((to) => { location.href = to; }, link);
          await claire.reload(); // from outside, with nothing loaded
        } else await claire.evaluate((to) => { location.href = to; }, link);
        await lands(claire, ids.get(room)[n - 1], `Relevé ${n}`);
      }
    }
  },
  async "what is before the list's beginning comes, though what is after its end was being fetched when one got there"() {
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    let isHeld = false;
    await claire.route(/\/messages\?.*dir=f/, async (route) => {
      isHeld = true;
      await released;
      await route.continue();
    });
    await claire.goto(linkTo(sealed, ids.get(sealed)[699]));
    await lands(claire, ids.get(sealed)[699], "Relevé 700");
    const box = messages(claire);
    const top = () => box.evaluate((each) => each.scrollTop);
    await box.hover();
    await until("newer ones are asked for", async () => {
      await claire.mouse.wheel(0, 900);
      return isHeld;
    });
    await until("the list is at its beginning", async () => {
      await claire.mouse.wheel(0, -3000);
      return (await top()) === 0;
    });
    release();
    await until("older ones come by themselves", async () => (await top()) > 0);
    await claire.unroute(/\/messages\?.*dir=f/);
  },
  async "from there one goes on in both directions, and back to the newest"() {
    await claire.goto(linkTo(sealed, ids.get(sealed)[499]));
    await lands(claire, ids.get(sealed)[499], "Relevé 500");
    const box = messages(claire);
    await box.hover();
    const drawn = async () => (await box.getByText(/^Relevé \d+$/).allInnerTexts()).map((text) => Number(text.split(" ")[1]));
    await until("older ones", async () => {
      await claire.mouse.wheel(0, -600);
      return Math.min(...(await drawn())) <= 420;
    });
    await until("newer ones", async () => {
      await claire.mouse.wheel(0, 900);
      return Math.max(...(await drawn())) >= 620;
    });
    await look(claire, "link-landed");
    await claire.goto(linkTo(sealed, ids.get(sealed)[9])); // however far one went
    await lands(claire, ids.get(sealed)[9], "Relevé 10");
    await claire.getByRole("button", { name: "Derniers messages" }).click();
    await box.getByText(`Relevé ${MANY}`, { exact: true }).waitFor();
  },
  async "a link that was copied from a message leads there from another, written with either address"() {
    await act(claire, `Relevé ${MANY}`, "Copier le lien pour une autre messagerie");
    const any = await claire.evaluate(() => navigator.clipboard.readText());
    assert(any.startsWith("https://matrix.to/#/"), any);
    await act(claire, `Relevé ${MANY}`, /^Copier le lien$/);
    const own = await claire.evaluate(() => navigator.clipboard.readText());
    assert(own.startsWith(`${server}/#/room/`), own);
    await bot.sendTextMessage(sealed, `voir https://matrix.to/#/${sealed}/${ids.get(sealed)[9]}`);
    await messages(claire).getByRole("link", { name: "Message dans Scellée", exact: true }).click(); // the name stands in place of the address
    await lands(claire, ids.get(sealed)[9], "Relevé 10");
  },
  async "a link to a reply of a thread opens the thread"() {
    const root = ids.get(sealed)[299];
    const relates = { rel_type: "m.thread", event_id: root, is_falling_back: true, "m.in_reply_to": { event_id: root } };
    const { event_id: reply } = await bot.sendEvent(sealed, "m.room.message", { msgtype: "m.text", body: "Dans le fil", "m.relates_to": relates });
    await claire.goto(linkTo(sealed, reply));
    await claire.reload();
    const lit = claire.getByRole("complementary").locator(`article[data-event="${reply}"].lit`);
    await lit.waitFor();
    await claire.evaluate((to) => { location.href = to; }, linkTo(sealed, reply)); // once more: the same place
    await claire.waitForFunction(() => location.hash.includes("panel=thread"));
    await lit.waitFor();
  },
  async "what was deleted says so; what never was, or cannot be seen, too"() {
    await bot.redactEvent(sealed, ids.get(sealed)[199]);
    await claire.goto(linkTo(sealed, ids.get(sealed)[199]));
    await messages(claire).locator(`article[data-event="${ids.get(sealed)[199]}"].lit`).getByText("Message supprimé").waitFor();
    await claire.goto(linkTo(sealed, "$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    await claire.getByRole("alert").getByText("Ce message n’existe plus").waitFor();
    await look(claire, "link-lost");
    await claire.getByRole("alert").getByRole("button", { name: "Fermer" }).click();
  },
  async "whoever reads an old message goes on reading it when the network comes back after much was said"() {
    await claire.goto(linkTo(sealed, ids.get(sealed)[9]));
    await lands(claire, ids.get(sealed)[9], "Relevé 10");
    await claire.context().setOffline(true);
    for (let n = 1; n <= 60; n += 1) await bot.sendTextMessage(sealed, `Absence ${n}`);
    await claire.context().setOffline(false);
    await claire.getByText("Absence 60").waitFor(); // in the list of discussions
    await lands(claire, ids.get(sealed)[9], "Relevé 10");
    assert((await messages(claire).getByText(/^Absence/).count()) === 0, "the newest messages came in place of what was read");
    await claire.getByRole("button", { name: "Derniers messages" }).click();
    await messages(claire).getByText("Absence 60", { exact: true }).waitFor();
    bot.stopClient();
  },
});
