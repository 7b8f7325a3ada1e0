// What a day needs most, in a browser that is not the one of all other plays: two people, a file, a thread, a second device, a reload.
import { engine } from "./browser.mjs";
import { act, arrive, assert, attach, createRoom, look, messages, play, press, say, sees, server, signInAgain } from "./stage.mjs";

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNkYPhfz0AEYBxVSF+FAP5FDvcfRYWgAAAAAElFTkSuQmCC", "base64");
const ROOM = "Crue du Rhône";
let sophie, karim, second;
const panel = (page) => page.getByRole("complementary");

await play({
  async "two people register, and write in a room of theirs"() {
    sophie = await arrive("Sophie Lambert");
    karim = await arrive("Karim Haddad");
    await createRoom(sophie, ROOM, "Privée", ["Karim"]);
    await say(sophie, "La digue **tient**");
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await messages(karim).locator("strong", { hasText: "tient" }).waitFor();
    await say(karim, "Bien reçu");
    await sees(sophie, "Bien reçu");
    await look(sophie, `${engine}-room`);
  },
  async "a message is changed, answered, and taken back"() {
    await act(sophie, "La digue", "Modifier");
    await say(sophie, "La digue tient **bon**");
    await messages(karim).locator("strong", { hasText: "bon" }).waitFor();
    await press(karim, "La digue tient", "Répondre");
    await say(karim, "Jusqu’à quand ?");
    await messages(sophie).getByRole("button", { name: /Réponse à.*Sophie Lambert/ }).waitFor();
    await say(karim, "Une erreur");
    await sees(sophie, "Une erreur");
    await act(karim, "Une erreur", "Supprimer");
    await karim.getByRole("button", { name: "Supprimer", exact: true }).click();
    await messages(sophie).getByText("Une erreur").waitFor({ state: "detached" });
  },
  async "files are encrypted, and looked at in their place"() {
    await attach(sophie, [{ name: "carte.png", mimeType: "image/png", buffer: PICTURE }]);
    const picture = messages(karim).getByRole("img", { name: /carte.png/ });
    await picture.waitFor();
    await karim.waitForFunction(() => [...document.querySelectorAll("img[alt*='carte.png']")].some((each) => each.naturalWidth > 0));
    await attach(karim, [{ name: "releves.csv", mimeType: "text/csv", buffer: Buffer.from("a;b\n1;2\n") }]);
    await sees(sophie, "releves.csv");
  },
  async "a thread beside the conversation"() {
    await press(karim, "La digue tient", "Répondre dans un fil");
    await panel(karim).getByTestId("composer").fill("Relevé à 6 h");
    await panel(karim).getByTestId("composer").press("Enter");
    await messages(sophie).getByRole("button", { name: /1 réponse/ }).click();
    await panel(sophie).getByText("Relevé à 6 h").waitFor();
    await look(sophie, `${engine}-thread`);
  },
  async "after a reload all is there"() {
    await sophie.reload();
    await sees(sophie, "La digue tient");
    await sees(sophie, "Bien reçu");
    await say(sophie, "Après le rechargement", sophie.getByRole("main"));
    await sees(karim, "Après le rechargement");
  },
  async "a second device is opened by the recovery code, and speaks with the keys of it"() {
    second = await signInAgain("sophie", sophie.password);
    await second.getByRole("button", { name: /code de récupération/ }).click();
    await second.getByLabel("Code de récupération").fill(sophie.code);
    await second.getByRole("button", { name: "Ouvrir mes messages" }).click();
    await second.getByRole("link", { name: new RegExp(ROOM) }).first().click();
    await sees(second, "La digue tient");
    await say(second, "Depuis mon autre appareil");
    await sees(karim, "Depuis mon autre appareil");
    await look(second, `${engine}-second`);
  },
  async "it is left, and nothing of it stays"() {
    await second.goto(`${server}/#/settings/devices`);
    await second.getByRole("button", { name: "Se déconnecter" }).last().click();
    await second.getByRole("alertdialog").getByRole("button", { name: "Se déconnecter" }).click();
    await second.getByRole("heading", { name: "Se connecter" }).waitFor();
    const left = await second.evaluate(async () => (await indexedDB.databases()).map((each) => each.name));
    assert(!left.some((name) => /crypto|chappe-@|search/.test(name)), `left behind: ${left}`);
  },
});
