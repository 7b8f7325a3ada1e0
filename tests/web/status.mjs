// A status with words and an end: chosen by one, seen by another wherever her name stands, ended by the server with her browser closed.
import { arrive, assert, createRoom, look, play, say, sees, server } from "./stage.mjs";

let sophie;
let karim;
let token;
let room;

const call = async (method, path, body) => {
  const answer = await fetch(`${server}${path}`, { method, headers: { Authorization: `Bearer ${token}` }, body: body && JSON.stringify(body) });
  assert(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
};
const line = (page, name) => page.getByRole("navigation", { name: "Discussions" }).or(page.locator(".list")).first().getByRole("link", { name }).first();
const head = (page) => page.locator("header.head");

async function choose(page, state, { text, end, silent } = {}) {
  await page.getByRole("button", { name: /^Mon compte/ }).click();
  await page.getByRole("menuitem", { name: /^Mon état/ }).click();
  const dialog = page.getByRole("dialog", { name: "Mon état" });
  await dialog.getByRole("radio", { name: state }).check();
  if (text !== undefined) await dialog.getByLabel(/^Précision/).fill(text);
  if (end) await dialog.getByLabel("Jusqu’à quand").selectOption({ label: await dialog.locator("option").filter({ hasText: end }).first().innerText() });
  if (silent) await dialog.getByRole("switch", { name: "Ne rien faire sonner" }).click();
  await look(page, `status-${state}`);
  await dialog.getByRole("button", { name: "Enregistrer" }).click();
  await dialog.waitFor({ state: "detached" });
}

await play({
  async "two people write to each other, and see that the other is there"() {
    sophie = await arrive("Sophie Lambert [Préfecture du Rhône]");
    karim = await arrive("Karim Haddad [Hôpital Sud]");
    await createRoom(sophie, "", "Message direct", ["Karim"]);
    await say(sophie, "Bonjour Karim");
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await sees(karim, "Bonjour Karim");
    await line(karim, /Sophie Lambert\s*, Disponible/).waitFor();
    await line(sophie, /Karim Haddad\s*, Disponible/).waitFor();
    const login = await fetch(`${server}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: "sophie" }, password: sophie.password }) });
    token = (await login.json()).access_token;
    room = new URL(karim.url()).hash;
  },
  async "one is in a meeting until a time: the other sees it beside her name, and so does any client"() {
    await choose(sophie, "En réunion", { text: "Cellule de crise, salle 2", end: "1 heure", silent: true });
    await line(karim, /Sophie Lambert\s*, En réunion jusqu’à/).waitFor();
    await head(karim).getByText(/En réunion jusqu’à (demain\s)?\d+\sh.*Cellule de crise, salle 2/).waitFor();
    const plain = await call("GET", "/_matrix/client/v3/presence/@sophie:localhost/status");
    assert(/^En réunion jusqu’à .*Cellule de crise, salle 2$/.test(plain.status_msg), `other clients read ${plain.status_msg}`);
    assert((await call("GET", "/_chappe/client/v1/status")).silent === true, "the server does not hold back what rings");
    await sophie.getByRole("button", { name: /^Mon compte.*En réunion jusqu’à/ }).waitFor();
    await look(karim, "status-seen");
  },
  async "her card says it, with her words"() {
    await head(karim).getByRole("button", { name: /Préfecture du Rhône/ }).click();
    const card = karim.getByRole("complementary");
    await card.getByText(/^En réunion jusqu’à/).waitFor();
    await card.getByText("Cellule de crise, salle 2", { exact: true }).waitFor();
    await look(karim, "status-card");
    await karim.keyboard.press("Escape");
  },
  async "in a room members are those whom one reaches first; the menu of mentions says it"() {
    await createRoom(karim, "Crue", "Privée", ["Sophie"]);
    await sophie.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await karim.getByRole("button", { name: /2 membres/ }).click();
    await karim.getByRole("region", { name: "Joignables" }).getByText("Karim Haddad").waitFor();
    await karim.getByRole("region", { name: "Occupés ou en réunion" }).getByText("Sophie Lambert").waitFor();
    await look(karim, "status-members");
    await karim.getByTestId("composer").fill("@sop");
    await karim.getByRole("option", { name: /Sophie Lambert.*En réunion/ }).waitFor();
    await look(karim, "status-mention");
    await karim.getByTestId("composer").fill("");
  },
  async "who is away has the other told that it will wait"() {
    await choose(sophie, "Absence", { text: "En formation", end: "Demain matin" });
    await karim.goto(`${server}/${room}`);
    await karim.getByText(/Sophie Lambert\s: absence jusqu’à demain 8\sh · En formation. Votre message attendra/).waitFor();
    await look(karim, "status-away");
  },
  async "a status ends by itself, with her browser closed"() {
    await call("PUT", "/_chappe/client/v1/status", { state: "busy", text: "Vingt secondes", until: Date.now() + 20_000, status_msg: "Occupé" });
    await head(karim).getByText(/Occupé jusqu’à.*Vingt secondes/).waitFor();
    await sophie.getByRole("button", { name: /^Mon compte.*Occupé/ }).waitFor(); // her other device has heard of it
    await sophie.context().close();
    await head(karim).getByText(/Vingt secondes/).waitFor({ state: "detached" });
    await line(karim, /Sophie Lambert\s*, (Disponible|Hors ligne)/).waitFor();
  },
  async "hidden is offline for the others"() {
    await choose(karim, "Apparaître hors ligne");
    const seen = await call("GET", "/_matrix/client/v3/presence/@karim:localhost/status");
    assert(seen.presence === "offline" && !seen.status_msg, `he is seen as ${JSON.stringify(seen)}`);
    await karim.setViewportSize({ width: 360, height: 740 });
    await look(karim, "status-phone");
    await karim.goto(`${server}/#/`);
    await karim.getByRole("button", { name: /^Mon compte.*Apparaître hors ligne/ }).click();
    await karim.getByRole("menuitem", { name: /^Mon état/ }).click();
    await look(karim, "status-phone-dialog");
  },
});
