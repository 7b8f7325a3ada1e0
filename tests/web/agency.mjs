// A ministry, with its rules switched on: names that the organisation gives, and rooms of every kind.
import { arrive, assert, createRoom, look, play, say, sees, server } from "./stage.mjs";

let sophie;
let karim;

await play({
  async "two officials arrive under the names that they were given"() {
    sophie = await arrive("Sophie", {}, true);
    karim = await arrive("Karim", {}, true);
  },
  async "rooms of every kind are made and spoken in"() {
    for (const kind of ["Privée", "Ouverte", "Forum"]) {
      await createRoom(sophie, `Salon ${kind}`, kind);
      await say(sophie, `Bonjour ${kind}`);
      await sees(sophie, `Bonjour ${kind}`);
    }
    await createRoom(sophie, "Direction", "Espace");
  },
  async "one writes to the other"() {
    await createRoom(sophie, "", "Message direct", ["karim"]);
    await say(sophie, "Bonjour Karim");
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await sees(karim, "Bonjour Karim");
  },
  async "a private room is opened to guests"() {
    await sophie.getByRole("link", { name: /Salon Privée/ }).first().click();
    await sophie.locator("main header").getByRole("button", { name: "Détails" }).first().click();
    await sophie.getByRole("button", { name: "Ouvrir aux invités externes" }).click();
    await look(sophie, "open-to-guests");
    await sophie.getByRole("alertdialog").getByRole("button", { name: "Ouvrir", exact: true }).click();
    await sophie.getByRole("heading", { name: "Salon Privée" }).first().waitFor();
    await sophie.getByText("Ouvert aux invités", { exact: true }).first().waitFor();
    await sees(sophie, "Bonjour Privée");
  },
  async "a name is not changed in the settings either"() {
    await sophie.goto(`${server}/#/settings/profile`);
    await sophie.getByText("Votre nom vient de votre organisation").waitFor();
    assert(!(await sophie.getByLabel("Votre nom").isEditable()), "the name can be typed over");
    assert(!(await sophie.getByRole("button", { name: "Enregistrer", exact: true }).count()), "there is something to save");
    await look(sophie, "profile-named");
  },
});
