// What is done with messages: pinned in the room's head, several chosen, a part quoted. The other person and the server see it.
import { act, arrive, assert, attach, createRoom, look, messages, play, say, sees, server } from "./stage.mjs";

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNkYPhfz0AEYBxVSF+FAP5FDvcfRYWgAAAAAElFTkSuQmCC", "base64");
let claire;
let mehdi;

const open = async (page, name) => page.getByRole("region", { name: "Liste des discussions" }).getByRole("link", { name: new RegExp(name) }).first().click();
const bar = (page) => page.getByRole("region", { name: "Messages épinglés" });
const chosen = (page) => page.getByRole("toolbar", { name: "Messages choisis" });
const article = (page, text) => messages(page).getByRole("article").filter({ hasText: text }).last();
const box = (page, text) => article(page, text).getByRole("checkbox");

await play({
  async "two people in two encrypted rooms"() {
    claire = await arrive("Claire Vasseur");
    mehdi = await arrive("Mehdi Benali");
    for (const name of ["Autre salle", "Cellule de crise"]) {
      await createRoom(claire, name, "Privée", ["Mehdi"]);
      await mehdi.getByRole("button", { name: `Rejoindre ${name}` }).click();
      await sees(claire, "Mehdi Benali a rejoint");
    }
    for (const text of ["Premier point", "Deuxième point", "Troisième point"]) await say(claire, text);
    await sees(mehdi, "Troisième point");
  },
  async "what is pinned stands in the head, the newest first; a press goes there and on to the next"() {
    await act(claire, "Premier point", "Épingler");
    await bar(mehdi).getByText("Premier point").waitFor();
    for (let n = 1; n <= 40; n += 1) await say(claire, `Relevé ${n}\nligne\nligne`);
    await act(claire, "Relevé 40", "Épingler");
    await bar(mehdi).getByText("Relevé 40").waitFor();
    await bar(mehdi).getByText("1 sur 2").waitFor();
    assert((await bar(mehdi).getByRole("button", { name: "Détacher" }).count()) === 0, "who may not pin may unpin");
    await look(mehdi, "pin-bar");
    await bar(mehdi).getByRole("button", { name: /Aller au message/ }).click();
    await bar(mehdi).getByText("Premier point").waitFor();
    await bar(mehdi).getByRole("button", { name: /Aller au message/ }).click();
    await messages(mehdi).locator("article.lit").getByText("Premier point").waitFor();
    await bar(mehdi).getByRole("button", { name: "Voir les 2 messages épinglés" }).click();
    await mehdi.getByRole("complementary").getByText("Relevé 40").waitFor();
    await mehdi.keyboard.press("Escape");
    await bar(claire).getByRole("button", { name: "Détacher" }).click();
    await bar(mehdi).getByText("Relevé 40").waitFor({ state: "detached" });
    await mehdi.reload(); // what is pinned and not loaded is read all the same
    await bar(mehdi).getByText("Premier point").waitFor();
  },
  async "a pinned message that is deleted leaves the head"() {
    await claire.getByRole("region", { name: "Messages épinglés" }).getByRole("button", { name: /Aller au message/ }).click();
    await act(claire, "Premier point", "Supprimer");
    await claire.getByRole("button", { name: "Supprimer", exact: true }).click();
    await bar(mehdi).waitFor({ state: "detached" });
    await claire.getByRole("button", { name: "Derniers messages" }).click();
  },
  async "several are chosen, from the menu, with the shift key, with the space bar, and passed on, a picture with them"() {
    await attach(claire, { name: "carte.png", mimeType: "image/png", buffer: PICTURE });
    await messages(mehdi).getByRole("img", { name: /carte.png/ }).waitFor();
    await say(mehdi, "Bien noté");
    await sees(claire, "Bien noté");
    await say(claire, "À transmettre");
    await sees(mehdi, "À transmettre");
    await act(claire, "Relevé 40", "Sélectionner");
    await chosen(claire).getByText("1 message choisi").waitFor();
    await box(claire, "À transmettre").click({ modifiers: ["Shift"] });
    await chosen(claire).getByText("4 messages choisis").waitFor();
    await box(claire, "Bien noté").focus();
    await claire.keyboard.press("Space");
    await chosen(claire).getByText("3 messages choisis").waitFor();
    await look(claire, "chosen");
    await chosen(claire).getByRole("button", { name: "Transférer" }).click();
    await claire.getByRole("checkbox", { name: /Autre salle/ }).check();
    await look(claire, "forward-several");
    await claire.getByRole("button", { name: "Transférer", exact: true }).last().click();
    await chosen(claire).waitFor({ state: "detached" });
    await open(mehdi, "Autre salle");
    await sees(mehdi, "À transmettre");
    await messages(mehdi).getByRole("button", { name: /Ouvrir l’image/ }).waitFor();
    await messages(mehdi).getByRole("img", { name: /carte.png/ }).waitFor(); // its key came along
    const order = await messages(mehdi).getByRole("article").allInnerTexts();
    assert(order.findIndex((each) => each.includes("Relevé 40")) < order.findIndex((each) => each.includes("À transmettre")), "the order is lost");
    await open(mehdi, "Cellule de crise");
  },
  async "they are copied with their names and times"() {
    await act(claire, "Bien noté", "Sélectionner");
    await article(claire, "À transmettre").click({ modifiers: ["Shift"], position: { x: 300, y: 12 } });
    await chosen(claire).getByRole("button", { name: "Copier" }).click();
    await claire.getByText("2 messages copiés").waitFor();
    const lines = (await claire.evaluate(() => navigator.clipboard.readText())).split("\n");
    assert(lines.length === 2 && /^\[.*\d{2}:\d{2}\] Mehdi Benali\s: Bien noté$/.test(lines[0]), lines.join("|"));
  },
  async "only what one may is deleted, and it is asked once"() {
    await act(mehdi, "Bien noté", "Sélectionner");
    await box(mehdi, "À transmettre").click();
    await chosen(mehdi).getByRole("button", { name: "Supprimer" }).click();
    await mehdi.getByText("1 message choisi n’est pas de vous").waitFor();
    await look(mehdi, "delete-several");
    await mehdi.getByRole("alertdialog").getByRole("button", { name: "Supprimer" }).click();
    await mehdi.getByText("Supprimés : 1. N’ont pas pu l’être : 1.").waitFor();
    await messages(claire).getByText("Bien noté").waitFor({ state: "detached" });
    await sees(claire, "À transmettre");
    await act(claire, "À transmettre", "Sélectionner");
    await claire.keyboard.press("Escape");
    await chosen(claire).waitFor({ state: "detached" });
  },
  async "a part of a message is quoted and answered"() {
    await say(claire, "Le pont est fermé. La déviation passe par Irigny.");
    await sees(mehdi, "La déviation passe");
    await mehdi.evaluate(() => {
      const text = [...document.querySelectorAll("[data-event] .txt")].findLast((each) => each.textContent.includes("La déviation")).firstChild;
      getSelection().setBaseAndExtent(text, text.data.indexOf("La déviation"), text, text.data.length);
    });
    await mehdi.getByRole("button", { name: "Citer" }).click();
    assert((await mehdi.getByTestId("composer").inputValue()).startsWith("> La déviation passe par Irigny."), "the part is not in the field");
    await mehdi.keyboard.type("Depuis quand ?");
    await look(mehdi, "quote-part");
    await mehdi.keyboard.press("Enter");
    const answer = messages(claire).getByRole("article").filter({ hasText: "Depuis quand ?" }).last();
    await answer.locator("blockquote").getByText("La déviation passe par Irigny.").waitFor();
    await answer.getByRole("button", { name: /Réponse à/ }).waitFor();
  },
  async "on a phone"() {
    await claire.setViewportSize({ width: 360, height: 740 });
    await act(claire, "Depuis quand ?", "Épingler");
    await bar(claire).waitFor();
    await act(claire, "Depuis quand ?", "Sélectionner");
    await look(claire, "chosen-phone");
    await claire.goto(`${server}/#/`);
  },
});
