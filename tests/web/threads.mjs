// Threads: begun, answered, changed; all of them across rooms, read and followed. What is asserted is what the other person or the server sees.
import { arrive, assert, createRoom, look, messages, play, press, say, sees, server, until } from "./stage.mjs";

let claire;
let mehdi;
let token;
let room;

const panel = (page) => page.getByRole("complementary");
const open = async (page, name) => page.getByRole("region", { name: "Liste des discussions" }).getByRole("link", { name: new RegExp(name) }).first().click();
const entry = (page) => page.getByRole("navigation", { name: "Fils et rappels" }).getByRole("link", { name: /^Fils/ });
const list = (page) => page.getByRole("region", { name: "Mes fils" });
const rowOf = (page, text) => list(page).getByRole("link").filter({ hasText: text });
const article = (page, text) => page.getByRole("article").filter({ hasText: text }).last();

async function call(method, path, body, whose = token) {
  const answer = await fetch(`${server}/_matrix/client/${path}`, { method, headers: { "Content-Type": "application/json", ...(whose ? { Authorization: `Bearer ${whose}` } : {}) }, body: body && JSON.stringify(body) });
  return answer.json();
}
const signIn = async (user, password) => (await call("POST", "v3/login", { type: "m.login.password", identifier: { type: "m.id.user", user }, password }, null)).access_token;

const eventOf = (page, text) => messages(page).getByRole("article").filter({ hasText: text }).last().getAttribute("data-event");
const repliesOf = async (root) => (await call("GET", `v1/rooms/${encodeURIComponent(room)}/relations/${encodeURIComponent(root)}/m.thread?limit=50`)).chunk;
const follows = async (root, whose) => (await fetch(`${server}/_matrix/client/unstable/io.element.msc4306/rooms/${encodeURIComponent(room)}/thread/${encodeURIComponent(root)}/subscription`, { headers: { Authorization: `Bearer ${whose}` } })).status === 200;

let root;

await play({
  async "two people in an encrypted room"() {
    claire = await arrive("Claire Vasseur [Préfecture du Rhône]");
    mehdi = await arrive("Mehdi Benali [SDIS du Rhône]");
    await createRoom(claire, "Cellule de crise", "Privée", ["Mehdi"]);
    await mehdi.getByRole("button", { name: "Rejoindre Cellule de crise" }).click();
    await sees(claire, "Mehdi Benali a rejoint");
    room = await claire.evaluate(() => decodeURIComponent(location.hash.split("/")[2].split("?")[0]));
    token = await signIn("mehdi", mehdi.password);
    await say(claire, "Cote à 4,20 m");
    await say(claire, "Autre chose");
    await sees(mehdi, "Autre chose");
  },
  async "a thread that is begun shows its root alone, has the focus, and keeps what is said"() {
    root = await eventOf(mehdi, "Cote à 4,20 m");
    await press(mehdi, "Cote à 4,20 m", "Répondre dans un fil");
    await article(panel(mehdi), "Cote à 4,20 m").waitFor();
    assert((await panel(mehdi).getByRole("article").count()) === 1, "a thread that is begun shows the whole room");
    await mehdi.waitForFunction(() => document.activeElement?.closest("aside") && document.activeElement.dataset.testid === "composer");
    await mehdi.keyboard.type("Prévenir les riverains ?");
    await mehdi.keyboard.press("Enter");
    await messages(claire).getByRole("button", { name: /1 réponse/ }).click();
    await article(panel(claire), "Prévenir les riverains ?").waitFor();
    await until("the reply is in the thread", async () => (await repliesOf(root)).length === 1);
    const [stored] = await repliesOf(root);
    await panel(mehdi).locator(`[data-event="${stored.event_id}"]`).waitFor(); // the server's copy has taken the place of the echo
    assert((await panel(mehdi).getByRole("article").count()) === 2, "the reply has left its thread");
    await say(claire, "Oui, à 9 h", panel(claire));
    await article(panel(mehdi), "Oui, à 9 h").waitFor();
    assert((await messages(mehdi).getByText("Oui, à 9 h").count()) === 0, "a reply of a thread shows in the room");
  },
  async "edits, reactions and deletions in a thread"() {
    await panel(mehdi).getByTestId("composer").press("ArrowUp");
    await panel(mehdi).getByTestId("composer").fill("Prévenir les riverains et les écoles ?");
    await panel(mehdi).getByTestId("composer").press("Enter");
    await article(panel(claire), "et les écoles").getByText("modifié").waitFor();
    const theirs = article(panel(claire), "et les écoles");
    await theirs.hover();
    await theirs.getByRole("button", { name: "Réagir" }).click();
    await claire.getByRole("button", { name: "👍" }).click();
    await panel(mehdi).getByRole("button", { name: /👍\s: 1, Claire Vasseur/ }).waitFor();
    await say(mehdi, "À effacer", panel(mehdi));
    await article(panel(claire), "À effacer").waitFor();
    const mine = article(panel(mehdi), "À effacer");
    await mine.hover();
    await mine.getByRole("button", { name: "Plus d’actions" }).click();
    await mehdi.getByRole("menuitem", { name: "Supprimer" }).click();
    await mehdi.getByRole("button", { name: "Supprimer", exact: true }).click();
    await article(panel(claire), "À effacer").waitFor({ state: "detached" });
    assert((await panel(claire).getByRole("article").filter({ hasText: "et les écoles" }).count()) === 1, "a deletion took more than its message");
  },
  async "its draft is its own"() {
    await panel(mehdi).getByTestId("composer").fill("brouillon du fil");
    assert((await mehdi.locator("main").getByTestId("composer").inputValue()) === "", "the room has the thread's draft");
    await panel(mehdi).getByRole("button", { name: "Fermer" }).click();
    await press(mehdi, "Autre chose", "Répondre dans un fil");
    assert((await panel(mehdi).getByTestId("composer").inputValue()) === "", "another thread has its draft");
    await panel(mehdi).getByRole("button", { name: "Fermer" }).click();
    await messages(mehdi).getByRole("button", { name: /réponse/ }).click();
    assert((await panel(mehdi).getByTestId("composer").inputValue()) === "brouillon du fil", "its draft is gone");
    await panel(mehdi).getByTestId("composer").fill("");
    await mehdi.keyboard.press("Escape");
    await panel(mehdi).waitFor({ state: "detached" });
  },
  async "who writes in a thread follows it, on the server"() {
    await until("Mehdi follows", () => follows(root, token));
    const hers = await signIn("claire", claire.password);
    await until("Claire follows", () => follows(root, hers));
  },
  async "what is new in a followed thread is counted, and its room is not unread for it"() {
    await mehdi.goto(`${server}/#/`);
    await say(claire, "Le car part à 9 h 20", panel(claire));
    await entry(mehdi).filter({ hasText: "1" }).waitFor();
    await entry(mehdi).click();
    await rowOf(mehdi, "Le car part").filter({ hasText: "1" }).waitFor();
    await rowOf(mehdi, "Cote à 4,20 m").filter({ hasText: "Cellule de crise" }).waitFor();
    await look(mehdi, "threads");
  },
  async "it is opened in its place, and read there: the server hears of the thread, not of the room"() {
    await say(claire, "Dans la discussion", claire.locator("main"));
    await rowOf(mehdi, "Le car part").click();
    await mehdi.getByRole("main").getByRole("heading", { name: "Fil de Claire Vasseur" }).waitFor();
    await messages(mehdi).getByText("Le car part").first().waitFor();
    await messages(mehdi).getByText("1 nouvelle réponse").first().waitFor();
    await look(mehdi, "threads-open");
    await until("the thread is read, the room is not", async () => {
      const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { unread_thread_notifications: true } } }));
      const { rooms } = await call("GET", `v3/sync?filter=${filter}`);
      const { unread_notifications: main, unread_thread_notifications: threads } = rooms.join[room];
      return main.notification_count === 1 && !threads?.[root]?.notification_count;
    });
    await mehdi.getByRole("button", { name: "Voir dans la discussion" }).click();
    await messages(mehdi).locator(`[data-event="${root}"].lit`).waitFor();
    await sees(mehdi, "Dans la discussion");
  },
  async "the bell leaves it and comes back, on the server"() {
    await entry(mehdi).click();
    await rowOf(mehdi, "Cote à 4,20 m").click();
    await mehdi.getByRole("button", { name: "Ne plus suivre ce fil" }).click();
    await until("Mehdi has left it", async () => !(await follows(root, token)));
    await mehdi.getByRole("link", { name: "Retour aux discussions" }).click();
    await entry(mehdi).click();
    await list(mehdi).getByText("Aucun fil suivi").waitFor();
    await look(mehdi, "threads-none");
    await list(mehdi).getByRole("button", { name: "Tous" }).click();
    await rowOf(mehdi, "Cote à 4,20 m").click();
    await mehdi.getByRole("button", { name: "Suivre ce fil" }).click();
    await until("Mehdi follows again", () => follows(root, token));
    await list(mehdi).getByRole("button", { name: "Suivis" }).click();
  },
  async "by keyboard: J goes to the next unread one; all is read, taken back, and read"() {
    await mehdi.goto(`${server}/#/threads`);
    await say(claire, "Encore un mot", panel(claire));
    await rowOf(mehdi, "Encore un mot").filter({ hasText: "1" }).waitFor();
    await mehdi.getByRole("button", { name: "Tout marquer comme lu" }).click();
    await mehdi.getByText("1 fil marqué comme lu").waitFor();
    await mehdi.getByRole("button", { name: "Annuler" }).click();
    await rowOf(mehdi, "Encore un mot").filter({ hasText: "1" }).waitFor();
    await mehdi.getByRole("link", { name: "Forums" }).press("j");
    assert(new URL(mehdi.url()).hash === "#/threads", "a letter alone did something outside of the list");
    await rowOf(mehdi, "Encore un mot").press("j");
    await messages(mehdi).getByText("Encore un mot").first().waitFor();
    assert((await mehdi.getByTestId("composer").inputValue()) === "", "the key was written into the field");
    await mehdi.goto(`${server}/#/threads`);
    await say(claire, "Dernier mot", panel(claire));
    await rowOf(mehdi, "Dernier mot").filter({ hasText: "1" }).waitFor();
    await mehdi.getByRole("button", { name: "Tout marquer comme lu" }).click();
    await until("all is read", async () => {
      const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { unread_thread_notifications: true } } }));
      const { rooms } = await call("GET", `v3/sync?filter=${filter}`);
      return !rooms.join[room].unread_thread_notifications?.[root]?.notification_count;
    });
    await rowOf(mehdi, "Cote à 4,20 m").focus();
    await mehdi.keyboard.press("Enter");
    await messages(mehdi).getByText("Dernier mot").first().waitFor();
  },
  async "on a phone: the list, then the thread"() {
    await mehdi.setViewportSize({ width: 360, height: 740 });
    await look(mehdi, "threads-phone-open");
    await mehdi.getByRole("link", { name: "Retour aux fils" }).click();
    await mehdi.getByRole("main", { name: "Mes fils" }).waitFor();
    await look(mehdi, "threads-phone");
    await mehdi.setViewportSize({ width: 1440, height: 900 });
  },
});
