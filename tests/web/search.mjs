// Search in plain sight: who, where, when and what, over encrypted rooms; results land on the message, and the way back leads to them.
import { act, arrive, assert, attach, createRoom, look, play, say, sees } from "./stage.mjs";

let sophie, karim;

const file = (name, mimeType = "text/plain") => ({ name, mimeType, buffer: Buffer.from("x") });
const field = (page) => page.getByLabel("Chercher dans tous les messages et fichiers");
const filter = (page, name) => page.getByRole("group", { name: "Filtres" }).getByLabel(name, { exact: true });
const counted = (page, text) => page.getByRole("status").getByText(text, { exact: true }).waitFor();
const hits = (page) => page.locator("ul.hits li");

/** The option of a list that begins so: behind each name stands how many. */
async function choose(page, name, begins) {
  const list = filter(page, name);
  const option = list.locator("option", { hasText: begins });
  await option.first().waitFor({ state: "attached" });
  await list.selectOption(await option.first().getAttribute("value"));
}

await play({
  async "two people write in two encrypted rooms"() {
    [sophie, karim] = await Promise.all([arrive("Sophie Lambert"), arrive("Karim Haddad")]);
    for (const [room, texts] of [
      ["Crue du Rhône", ["La carte des digues est prête", "Les ponts sont fermés", "La digue de Vaise tient"]],
      ["Budget 2027", ["La note sur les digues est signée", "Le total est faux"]],
    ]) {
      await createRoom(sophie, room, "Privée", ["Karim"]);
      await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
      for (const text of texts) await say(sophie, text);
      await sees(karim, texts.at(-1));
      await say(karim, `Bien reçu, je relis les digues (${room})`);
      await sees(sophie, `Bien reçu, je relis les digues (${room})`);
    }
    await attach(karim, [file("digues-2027.txt")]);
    await sees(sophie, "digues-2027.txt");
  },
  async "the field of the list leads to all results, which are counted"() {
    await sophie.getByRole("button", { name: /Rechercher ou aller à/ }).click();
    await sophie.getByRole("combobox").fill("digues");
    await sophie.getByRole("option", { name: "Voir les 6 résultats, avec des filtres" }).click();
    await counted(sophie, "6 résultats");
    assert((await field(sophie).inputValue()) === "digues", "the word was lost on the way");
    assert((await hits(sophie).count()) === 6, "not all are there");
    await look(sophie, "search");
  },
  async "filters: who, where, what, when; what they leave is announced"() {
    await choose(sophie, "De qui", "Karim Haddad");
    await counted(sophie, "3 résultats");
    await choose(sophie, "Où", "Crue du Rhône");
    await counted(sophie, "1 résultat");
    await sophie.getByRole("button", { name: "Retirer les filtres" }).click();
    await counted(sophie, "6 résultats");
    await filter(sophie, "Quoi").selectOption("document");
    await counted(sophie, "1 résultat");
    assert((await hits(sophie).first().innerText()).includes("digues-2027.txt"), "the file is not found by its name");
    await filter(sophie, "Quoi").selectOption("all");
    await filter(sophie, "Quand").selectOption("between");
    await filter(sophie, "Au (inclus)").fill("1/1/2020");
    await sophie.getByText("Rien n’a été trouvé").waitFor();
    await counted(sophie, "0 résultat");
    await look(sophie, "search-none");
    await filter(sophie, "Quand").selectOption("week");
    await counted(sophie, "6 résultats");
  },
  async "a result lands on its message; back leads to the same results"() {
    await choose(sophie, "Où", "Crue du Rhône");
    await counted(sophie, "3 résultats");
    await hits(sophie).filter({ hasText: "La carte des digues est prête" }).getByRole("button").click();
    await sophie.getByRole("heading", { level: 1, name: "Crue du Rhône" }).waitFor();
    await sees(sophie, "La carte des digues est prête");
    assert(sophie.url().includes("#/room/") && decodeURIComponent(sophie.url()).includes("/$"), "the address does not name the message");
    await sophie.goBack();
    await counted(sophie, "3 résultats");
    assert((await field(sophie).inputValue()) === "digues", "the word is gone");
    await sophie.reload();
    await counted(sophie, "3 résultats");
  },
  async "what is edited or deleted elsewhere is found as it is now"() {
    await karim.getByRole("link", { name: /Budget 2027/ }).first().click();
    await say(karim, "Mot introuvable : hermine");
    await field(sophie).fill("hermine");
    await sophie.getByRole("button", { name: "Retirer les filtres" }).click();
    await counted(sophie, "1 résultat");
    await act(karim, "hermine", "Supprimer");
    await karim.getByRole("button", { name: "Supprimer", exact: true }).click();
    await counted(sophie, "0 résultat");
  },
  async "a room's own search leads there with the room"() {
    await karim.locator("main header").getByRole("button", { name: "Rechercher dans la discussion" }).click();
    await karim.getByRole("textbox", { name: "Rechercher dans la discussion" }).fill("digues");
    await karim.getByRole("button", { name: "Chercher partout, avec des filtres" }).click();
    await counted(karim, "3 résultats");
    await karim.setViewportSize({ width: 360, height: 740 });
    await look(karim, "search-phone");
    await karim.emulateMedia({ colorScheme: "dark" });
    await look(karim, "search-phone-dark");
  },
});
