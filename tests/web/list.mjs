// The list of rooms: many of them, a menu on each, sections of one's own; what one device does, another of the same person shows.
import { arrive, assert, look, play, sees, server, signInAgain } from "./stage.mjs";

const MANY = 150;
let sophie;
let other; // another device of hers
let token; // a third one, without a screen
let colleague;
const ids = {};

async function call(method, path, body, as) {
  const answer = await fetch(`${server}/_matrix/client/v3${path}`, { method, headers: { "Content-Type": "application/json", ...(as ? { Authorization: `Bearer ${as}` } : {}) }, body: body && JSON.stringify(body) });
  assert(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

const rowOf = (page, within, name) => within.filter({ has: page.locator(".n span").filter({ hasText: new RegExp(`^${name}$`) }) });
const row = (page, name) => rowOf(page, page.locator("a.room"), name);
const unread = (page, name) => rowOf(page, page.locator("a.room.new"), name);
const read = (page, name) => rowOf(page, page.locator("a.room:not(.new)"), name);
const section = (page, name) => page.getByRole("region", { name, exact: true });
const inSection = (page, title, name) => rowOf(page, section(page, title).locator("a.room"), name);
const tagsOf = async (name) => (await call("GET", `/user/@sophie:localhost/rooms/${encodeURIComponent(ids[name])}/tags`, undefined, token)).tags;

/** By a right click. */
async function choose(page, name, action) {
  await row(page, name).click({ button: "right" });
  await page.getByRole("menuitem", { name: action }).or(page.getByRole("menuitemradio", { name: action })).first().click();
}

/** Opens whatever is closed, as one does. */
async function opened(page, title) {
  const head = page.getByRole("heading", { name: new RegExp(`^${title}`) }).getByRole("button");
  if ((await head.getAttribute("aria-expanded")) === "false") await head.click();
}

async function make(name, text = `Bonjour de ${name}`) {
  const { room_id: id } = await call("POST", "/createRoom", { name, preset: "private_chat", invite: ["@sophie:localhost"] }, colleague);
  ids[name] = id;
  await call("POST", `/join/${encodeURIComponent(id)}`, {}, token);
  if (text) await tell(name, text);
}

const tell = (name, text) => call("PUT", `/rooms/${encodeURIComponent(ids[name])}/send/m.room.message/${encodeURIComponent(`${name} ${text}`)}`, { msgtype: "m.text", body: text }, colleague);

await play({
  async "rooms are made, and two devices of one person are there"() {
    sophie = await arrive("Sophie Lambert");
    token = (await call("POST", "/login", { type: "m.login.password", identifier: { type: "m.id.user", user: "sophie" }, password: sophie.password })).access_token;
    colleague = (await call("POST", "/register", { username: "anne", password: "correct horse anne", auth: { type: "m.login.dummy" } })).access_token;
    for (const name of ["Préfecture", "Digues", "Hôpital", "Cabinet", "Logement", "Budget"]) await make(name);
    other = await signInAgain("sophie", sophie.password);
    await other.getByRole("button", { name: "Plus tard" }).click();
    for (const page of [sophie, other]) await row(page, "Budget").waitFor();
  },
  async "read and unread"() {
    await choose(sophie, "Digues", "Marquer comme lu");
    for (const page of [sophie, other]) await read(page, "Digues").waitFor();
    await choose(other, "Digues", "Marquer comme non lu");
    await unread(sophie, "Digues").waitFor();
    await other.getByRole("button", { name: "Annuler" }).click();
    await read(sophie, "Digues").waitFor();
  },
  async "everything is read, and undone"() {
    await sophie.getByRole("button", { name: "Actions sur la liste" }).click();
    await sophie.getByRole("menuitem", { name: "Tout marquer comme lu" }).click();
    await other.waitForFunction(() => document.querySelectorAll("a.room").length >= 6 && !document.querySelector("a.room.new"));
    await sophie.getByRole("button", { name: "Annuler" }).click();
    await unread(other, "Budget").waitFor();
    await other.waitForFunction(() => document.querySelectorAll("a.room.new").length === 5);
  },
  async "muted, a favourite, less important: the other device shows it, and takes it back"() {
    await choose(sophie, "Budget", "De rien (sourdine)");
    await row(other, "Budget").getByText("en sourdine").waitFor();
    const { override } = (await call("GET", "/pushrules/global/", undefined, token));
    assert(override.some((each) => each.rule_id === ids.Budget && each.enabled), "no push rule says so");
    await choose(other, "Budget", "De tout");
    await row(sophie, "Budget").getByText("en sourdine").waitFor({ state: "detached" });
    await choose(sophie, "Cabinet", "Ajouter aux favoris");
    await inSection(other, "Favoris", "Cabinet").waitFor();
    assert("m.favourite" in (await tagsOf("Cabinet")), "the tag is not there");
    await choose(sophie, "Logement", "Mettre dans les moins importants");
    await opened(other, "Moins importants");
    await inSection(other, "Moins importants", "Logement").waitFor();
    await sophie.getByRole("button", { name: "Annuler" }).click();
    await inSection(other, "Récents", "Logement").waitFor();
  },
  async "put away, it comes back with what is said in it"() {
    await choose(sophie, "Logement", "Archiver");
    await opened(other, "Archives");
    await inSection(other, "Archives", "Logement").waitFor();
    await look(other, "list-archives");
    await tell("Logement", "Du nouveau");
    for (const page of [sophie, other]) await inSection(page, "Récents", "Logement").waitFor();
  },
  async "a section is made from the menu of a room, and filled by the keyboard"() {
    await row(sophie, "Préfecture").focus();
    await sophie.keyboard.press("Shift+F10");
    const menu = sophie.getByRole("menu", { name: "Actions sur Préfecture" });
    await menu.waitFor();
    await look(sophie, "list-menu");
    await menu.getByRole("menuitem", { name: "Mettre dans une section" }).focus();
    await sophie.keyboard.press("ArrowRight");
    await sophie.getByRole("menu", { name: "Mettre dans une section" }).getByRole("menuitem", { name: "Nouvelle section…" }).waitFor();
    await sophie.keyboard.press("Enter");
    const dialog = sophie.getByRole("dialog", { name: "Nouvelle section" });
    await dialog.getByRole("button", { name: "Créer la section" }).click();
    await dialog.getByText("Donnez un nom à la section.").waitFor();
    await dialog.getByLabel("Nom de la section").fill("Crue de la Saône");
    await look(sophie, "list-section-name");
    await sophie.keyboard.press("Enter");
    await inSection(other, "Crue de la Saône", "Préfecture").waitFor();
    assert("u.Crue de la Saône" in (await tagsOf("Préfecture")), "no tag of the specification");
    // the room below it comes up: at once, by Alt+Shift+arrow
    await row(sophie, "Digues").focus();
    while (!(await inSection(sophie, "Crue de la Saône", "Digues").count())) await sophie.keyboard.press("Alt+Shift+ArrowUp");
    await inSection(other, "Crue de la Saône", "Digues").waitFor();
    assert(await row(sophie, "Digues").evaluate((each) => each === document.activeElement), "the focus did not go along");
    await sophie.keyboard.press("Alt+Shift+ArrowUp");
    await sophie.getByTestId("stands").getByText("Digues, place 1 sur 2, section Crue de la Saône").waitFor();
    await other.waitForFunction(() => document.querySelector('[data-section^="u."] a.room')?.textContent.includes("Digues"));
  },
  async "moved in its own time: nobody hears of it before it is put down"() {
    await choose(sophie, "Hôpital", "Déplacer…");
    await sophie.getByText("Déplacer « Hôpital »").waitFor();
    assert(await row(sophie, "Hôpital").evaluate((each) => each === document.activeElement), "the focus is not on the room");
    while (!(await inSection(sophie, "Crue de la Saône", "Hôpital").count())) await sophie.keyboard.press("ArrowUp");
    await look(sophie, "list-moving");
    await sophie.keyboard.press("Escape");
    await inSection(sophie, "Récents", "Hôpital").waitFor();
    assert(!Object.keys(await tagsOf("Hôpital")).length, "a move that was given up has left a tag");
    await choose(sophie, "Hôpital", "Déplacer…");
    while (!(await inSection(sophie, "Crue de la Saône", "Hôpital").count())) await sophie.keyboard.press("ArrowUp");
    await sophie.keyboard.press("Enter");
    await inSection(other, "Crue de la Saône", "Hôpital").waitFor();
  },
  async "dragged, with a line where it falls"() {
    const from = await row(sophie, "Budget").boundingBox();
    const to = await inSection(sophie, "Crue de la Saône", "Digues").boundingBox();
    await sophie.mouse.move(from.x + 60, from.y + 20);
    await sophie.mouse.down();
    await sophie.mouse.move(to.x + 60, to.y + 20, { steps: 5 });
    await sophie.mouse.move(to.x + 60, to.y + 8, { steps: 3 });
    await sophie.locator(".drop").waitFor();
    await look(sophie, "list-dragging");
    await sophie.mouse.up();
    await other.waitForFunction(() => document.querySelector('[data-section^="u."] a.room')?.textContent.includes("Budget"));
    await sophie.getByRole("button", { name: "Annuler" }).click();
    await inSection(other, "Récents", "Budget").waitFor();
  },
  async "closed on one device it is closed on the other, and says what is unread in it"() {
    await tell("Hôpital", "12 lits");
    const head = (page) => page.getByRole("button", { name: /^Crue de la Saône/ });
    await head(sophie).focus();
    await sophie.keyboard.press("ArrowLeft");
    await other.locator('[data-stop^="section u."][aria-expanded=false]').waitFor();
    await head(other).getByText(/non lue/).waitFor();
    await look(other, "list-closed");
    await head(other).click();
    await sophie.locator('[data-stop^="section u."][aria-expanded=true]').waitFor();
  },
  async "renamed, and taken away with its rooms kept, and undone"() {
    await sophie.getByRole("button", { name: "Actions sur la section Crue de la Saône" }).click();
    await look(sophie, "list-section-menu");
    await sophie.getByRole("menuitem", { name: "Renommer la section" }).click();
    await sophie.getByRole("dialog").getByLabel("Nom de la section").fill("Crise");
    await sophie.keyboard.press("Enter");
    await inSection(other, "Crise", "Hôpital").waitFor();
    await other.getByRole("button", { name: "Actions sur la section Crise" }).click();
    await other.getByRole("menuitem", { name: "Supprimer la section" }).click();
    for (const name of ["Hôpital", "Digues", "Préfecture"]) await inSection(sophie, "Récents", name).waitFor();
    await section(sophie, "Crise").waitFor({ state: "detached" });
    await other.getByRole("button", { name: "Annuler" }).click();
    for (const name of ["Hôpital", "Digues", "Préfecture"]) await inSection(sophie, "Crise", name).waitFor();
  },
  async "left, after a question"() {
    await choose(sophie, "Budget", "Quitter la discussion");
    await sophie.getByRole("alertdialog", { name: "Quitter « Budget » ?" }).getByRole("button", { name: "Quitter", exact: true }).click();
    await row(other, "Budget").waitFor({ state: "detached" });
    await row(sophie, "Budget").waitFor({ state: "detached" });
  },
  async "many rooms: what is on the screen is drawn, and the keys reach all of it"() {
    for (let index = 0; index < MANY; index++) await make(`Salle ${index}`, null);
    await tell("Salle 0", "La plus récente");
    for (const page of [sophie, other]) await row(page, "Salle 0").waitFor();
    await sophie.waitForFunction((count) => Number(document.querySelector('[data-section=recent] li')?.getAttribute("aria-setsize")) >= count, MANY);
    const rows = () => sophie.locator("a.room").count();
    assert((await rows()) < 50, `${await rows()} rows are drawn`);
    await row(sophie, "Salle 0").focus();
    await sophie.keyboard.press("End");
    const at = () => sophie.evaluate(() => ({ stop: document.activeElement.dataset.stop, place: Number(document.activeElement.closest("li")?.getAttribute("aria-posinset")), of: Number(document.activeElement.closest("li")?.getAttribute("aria-setsize")), seen: document.activeElement.getBoundingClientRect().bottom <= innerHeight }));
    await sophie.keyboard.press("ArrowUp");
    await sophie.keyboard.press("Home");
    for (let turn = 0; turn < 30; turn++) await sophie.keyboard.press("ArrowDown");
    const there = await at();
    assert(there.stop && there.seen && there.place > 15 && there.of >= MANY, `the arrows lead to ${JSON.stringify(there)}`);
    assert((await rows()) < 50, `${await rows()} rows are drawn after going down`);
    const stops = await sophie.locator(".rooms [tabindex='0']").count();
    assert(stops === 1, `${stops} stops of the tab key`);
    await look(sophie, "list-many");
  },
  async "a warm start shows the list before the account is read"() {
    await sophie.waitForFunction(() => new Promise((resolve) => {
      const request = indexedDB.open("chappe");
      request.onsuccess = () => { const ask = request.result.transaction("values").objectStore("values").get("rooms"); ask.onsuccess = () => { request.result.close(); resolve(Boolean(ask.result)); }; };
    }));
    await sophie.context().route("**/_matrix/client/**/sync*", () => {}); // the server is silent
    await sophie.context().route("**/*.wasm", () => {}); // what opens messages does not come
    await sophie.reload();
    await sophie.locator("a.room").first().waitFor();
    assert((await sophie.locator("a.room").count()) < 50, "too many rows");
    await sophie.context().unrouteAll({ behavior: "ignoreErrors" });
    await sophie.reload();
    await row(sophie, "Salle 0").click();
    await sees(sophie, "La plus récente");
  },
});
