// What was said before somebody comes: nothing, since a moment, or all of it goes along, and everybody sees who opened what to whom.
import { arrive, assert, createRoom, look, messages, play, say, sees, server } from "./stage.mjs";

const ROOM = "Cellule de crise";
let sophie, karim, amara, marc, ines;

const panel = (page) => page.getByRole("complementary");
const open = async (page) => {
  await page.goto(`${server}/#/`);
  await page.getByRole("link", { name: new RegExp(ROOM) }).first().click();
  await page.getByRole("heading", { level: 1, name: new RegExp(ROOM) }).waitFor();
};

/** Opens the window in which people are invited, with somebody chosen. */
async function inviting(page, name) {
  if (!(await page.getByRole("button", { name: "Inviter", exact: true }).isVisible()))
    await page.locator("main header").getByRole("button", { name: "Membres" }).first().click();
  await page.getByRole("button", { name: "Inviter", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Membres").fill(name);
  await dialog.getByRole("listbox", { name: "Personnes trouvées" }).getByRole("option").first().click();
  return dialog;
}

async function invite(page, name, choice) {
  const dialog = await inviting(page, name);
  await dialog.getByRole("radio", { name: choice }).check();
  return dialog;
}

const go = async (dialog) => {
  await dialog.getByRole("button", { name: /^Inviter 1/ }).click();
  await dialog.waitFor({ state: "detached" });
};

async function joins(page) {
  await page.getByRole("button", { name: /^Rejoindre/ }).first().click();
  await page.getByRole("heading", { level: 1, name: new RegExp(ROOM) }).waitFor();
}

const two = (number) => String(number).padStart(2, "0");
const minute = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
const reads = async (page, text) => (await messages(page).getByText(text, { exact: false }).count()) > 0;

await play({
  async "where newcomers read from their invitation on, nothing can be opened, and why is said"() {
    [sophie, karim] = await Promise.all([arrive("Sophie Lambert"), arrive("Karim Haddad")]);
    amara = await arrive("Amara Diallo");
    await createRoom(sophie, ROOM, "Privée", ["Karim"]);
    await joins(karim);
    await say(sophie, "Avant que ce soit permis");
    await sees(karim, "Avant que ce soit permis");
    const dialog = await inviting(sophie, "Amara");
    await dialog.getByText(/ne montre aux nouveaux que ce qui suit leur invitation/).waitFor();
    assert(!(await dialog.getByRole("radio").count()), "it is offered all the same");
    await look(sophie, "past-fixed");
    await sophie.keyboard.press("Escape");
  },
  async "those responsible let newcomers read, and two people speak"() {
    await sophie.locator("main header").getByRole("button", { name: "Détails" }).first().click();
    await panel(sophie).getByLabel("Un nouveau membre lit").selectOption("shared");
    await panel(sophie).locator("select:has(option[value=shared]:checked)").waitFor(); // as the server has it: a key says by which rule it was made
    for (const [page, text] of [[sophie, "La digue tient"], [karim, "Deux équipes aux ponts"], [sophie, "Point à sept heures"]]) {
      await say(page, text);
      for (const each of [sophie, karim]) await sees(each, text);
    }
  },
  async "all of it: the newcomer reads what was allowed, and is told who opened it"() {
    const dialog = await invite(sophie, "Amara", /^Toute la discussion/);
    await look(sophie, "past-all");
    await go(dialog);
    for (const page of [sophie, karim]) await messages(page).getByText(/Sophie Lambert a ouvert à Amara Diallo tous les messages d’avant/).waitFor();
    await joins(amara);
    for (const text of ["La digue tient", "Deux équipes aux ponts", "Point à sept heures"]) await sees(amara, text);
    assert(!(await reads(amara, "Avant que ce soit permis")), "what was said under another rule is opened");
    await messages(amara).getByText(/Sophie Lambert a ouvert à Amara Diallo/).waitFor();
    await messages(amara).getByText(/Sophie Lambert vous a ouvert les messages qui suivent/).waitFor();
    await messages(amara).getByRole("button", { name: "En savoir plus" }).click();
    await messages(amara).getByText(/répond de ce qu’ils disent/).waitFor();
    await look(amara, "past-newcomer");
    await amara.setViewportSize({ width: 360, height: 740 });
    await look(amara, "past-newcomer-phone");
    await amara.setViewportSize({ width: 1440, height: 900 });
    await say(amara, "Merci, je lis tout");
    await sees(karim, "Merci, je lis tout");
    assert(!(await messages(karim).getByText(/vous a ouvert/).count()), "who was there is told that something was opened to them");
  },
  async "nothing of it: the newcomer reads from their arrival on"() {
    marc = await arrive("Marc Ollivier");
    const dialog = await invite(sophie, "Marc", /^À partir de leur arrivée/);
    await go(dialog);
    await joins(marc);
    await say(sophie, "Bienvenue Marc");
    await sees(marc, "Bienvenue Marc");
    await messages(marc).getByText("Message envoyé avant votre arrivée").or(messages(marc).getByText("Message verrouillé")).first().waitFor();
    for (const text of ["La digue tient", "Deux équipes aux ponts", "Point à sept heures", "Merci, je lis tout"])
      assert(!(await reads(marc, text)), `who was given nothing reads "${text}"`);
    assert(!(await messages(sophie).getByText(/ouvert à Marc/).count()), "it is said that something was opened");
    await look(marc, "past-nothing");
  },
  async "since a moment: a session that began before it is cut there"() {
    ines = await arrive("Ines Moreau");
    await sophie.waitForFunction((before) => new Date().getMinutes() !== before, new Date().getMinutes(), { timeout: 70_000 });
    const since = new Date();
    await say(sophie, "Depuis ce moment");
    await sees(karim, "Depuis ce moment");
    await sophie.setViewportSize({ width: 360, height: 740 });
    await sophie.reload();
    await sophie.getByRole("button", { name: "Inviter", exact: true }).waitFor();
    const dialog = await invite(sophie, "Ines", /^Depuis un moment/);
    await dialog.getByLabel("Depuis", { exact: true }).fill("1er janvier 2036 à 0 h");
    await dialog.getByText("Choisissez un moment passé").first().waitFor();
    await dialog.getByLabel("Depuis", { exact: true }).fill(minute(since));
    await look(sophie, "past-since-phone");
    await go(dialog);
    await messages(karim).getByText(/Sophie Lambert a ouvert à Ines Moreau les messages depuis le/).waitFor();
    await joins(ines);
    await sees(ines, "Depuis ce moment");
    await messages(ines).getByText(/Sophie Lambert vous a ouvert/).waitFor();
    for (const text of ["La digue tient", "Point à sept heures", "Bienvenue Marc"]) assert(!(await reads(ines, text)), `what was said before the moment is read: "${text}"`);
    await ines.emulateMedia({ colorScheme: "dark" });
    await look(ines, "past-since-dark");
  },
});
