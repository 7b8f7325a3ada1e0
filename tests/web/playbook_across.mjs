// A crisis room of two servers: a plan is ticked and logged from both, closed on one, checked on the other; who comes later finds all of it.
import { readFileSync } from "node:fs";
import { arrive, assert, control, createRoom, look, messages, play, say, sees, server } from "./stage.mjs";

const ROOM = "Cellule de crise";
let claire;
let bruno;
let amara;
let record;

const card = (page) => messages(page).getByRole("region", { name: /^Plan d’action/ }).last();
const plan = (page) => page.getByRole("region", { name: "Plan d’action" });
const log = (page) => page.getByRole("log", { name: "Main courante" });
const step = (page, text) => plan(page).getByRole("listitem").filter({ hasText: text });
/** Presses until what it brings is there: what comes in meanwhile may move it from under the pointer. */
async function until(press, there) {
  while (!(await there.isVisible())) {
    await press.click({ timeout: 2000 }).catch(() => undefined);
    await there.waitFor({ timeout: 5000 }).catch(() => undefined);
  }
}
const open = (page) => until(card(page).getByRole("button", { name: "Ouvrir le plan" }), page.getByRole("heading", { name: "Exercice" }));
const joins = async (page) => {
  await page.getByRole("button", { name: /^Rejoindre/ }).first().click();
  await page.getByRole("heading", { level: 1, name: new RegExp(ROOM) }).waitFor();
};
const idOf = async (page, at) => {
  const login = await fetch(`${at}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: page.user }, password: page.password }) });
  return (await login.json()).user_id;
};

await play({
  async "people of two servers in one room"() {
    claire = await arrive("Claire Vasseur");
    bruno = await arrive("Bruno Faure", {}, false, control);
    const them = await idOf(bruno, control);
    assert(!them.endsWith(":localhost") && them !== (await idOf(claire, server)).replace("claire", "bruno"), "they are of one server");
    await createRoom(claire, ROOM, "Privée", [them]);
    await joins(bruno);
    await claire.locator("main header").getByRole("button", { name: "Détails" }).first().click();
    await claire.getByRole("complementary").getByLabel("Un nouveau membre lit").selectOption("shared");
    await claire.getByRole("complementary").locator("select:has(option[value=shared]:checked)").waitFor();
    await say(claire, "La digue tient");
    await sees(bruno, "La digue tient");
  },
  async "a plan begun on one is ticked on both at once, and nothing is lost"() {
    await claire.getByRole("button", { name: /^Joindre/ }).first().click();
    await claire.getByRole("menuitem", { name: "Plan d’action et main courante" }).click();
    const dialog = claire.getByRole("dialog", { name: "Commencer un plan d’action" });
    await dialog.getByRole("radio", { name: "Plan à écrire" }).check();
    await dialog.getByLabel("Titre du plan").fill("Exercice");
    await dialog.getByLabel("Actions", { exact: true }).fill("# Alerter\nSonner (1 h)\nPrévenir la ville\nPrévenir le département");
    await dialog.getByRole("button", { name: "Commencer" }).click();
    await claire.getByRole("heading", { name: "Exercice" }).waitFor();
    await open(bruno);
    await Promise.all([step(claire, "Sonner").getByRole("checkbox").check(), step(bruno, "Prévenir la ville").getByRole("checkbox").check()]);
    await step(bruno, "Prévenir le département").getByRole("button", { name: /^Je m’en charge/ }).click();
    await bruno.getByLabel("Ajouter une ligne").fill("Appel du maire");
    await bruno.keyboard.press("Enter");
    for (const page of [claire, bruno]) {
      await page.getByText(/^Fait\s: 2 sur 3$/).first().waitFor();
      await log(page).getByText("Appel du maire").waitFor();
      await step(page, "le département").getByText("Responsable : Bruno Faure").waitFor({ state: "attached" });
    }
    await look(bruno, "playbook-across");
  },
  async "it is closed here, and the record is checked there"() {
    await claire.getByRole("button", { name: "Clore et exporter" }).click();
    const dialog = claire.getByRole("dialog", { name: "Clore et exporter" });
    const [kept] = await Promise.all([claire.waitForEvent("download"), dialog.getByRole("button", { name: "Clore et exporter" }).click()]);
    record = readFileSync(await kept.path());
    await bruno.getByText(/^Ce plan a été clos par Claire Vasseur/).waitFor();
    await bruno.getByTestId("record").setInputFiles({ name: "record.html", mimeType: "text/html", buffer: record });
    await bruno.getByText(/celui de la clôture, sans aucune modification/).waitFor();
    await bruno.keyboard.press("Escape");
  },
  async "who comes later and is given what was said finds plan, log and end"() {
    amara = await arrive("Amara Diallo");
    await claire.getByRole("dialog").waitFor({ state: "detached" });
    await claire.locator("main header").getByRole("button", { name: "Membres" }).first().click();
    await claire.getByRole("button", { name: "Inviter", exact: true }).click();
    const dialog = claire.getByRole("dialog");
    await dialog.getByLabel("Membres").fill("Amara");
    await dialog.getByRole("listbox", { name: "Personnes trouvées" }).getByRole("option").first().click();
    await dialog.getByRole("radio", { name: /^Toute la discussion/ }).check();
    await dialog.getByRole("button", { name: /^Inviter 1/ }).click();
    await dialog.waitFor({ state: "detached" });
    await joins(amara);
    await open(amara);
    await amara.getByText(/^Ce plan a été clos par Claire Vasseur/).waitFor();
    await amara.getByText(/^Fait\s: 2 sur 3$/).first().waitFor();
    await log(amara).getByText("Appel du maire").waitFor();
    await amara.getByTestId("record").setInputFiles({ name: "record.html", mimeType: "text/html", buffer: record });
    await amara.getByText(/celui de la clôture, sans aucune modification/).waitFor();
    await look(amara, "playbook-newcomer");
  },
});
