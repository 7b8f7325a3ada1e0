// A new sign-in is told on every other device; whoever it was not ends it; closing the question of one device leaves it to the others.
import { arrive, assert, look, play, signInAgain } from "./stage.mjs";

let sophie, laptop, phone;

const QUESTION = "Une nouvelle connexion, est-ce bien vous ?";
const question = (page) => page.getByRole("alert").getByRole("heading", { name: QUESTION });
const open = async (page) => {
  await page.getByRole("button", { name: /^Avec votre code de récupération/ }).click();
  await page.getByLabel("Code de récupération").fill(sophie.code);
  await page.getByRole("button", { name: "Ouvrir mes messages" }).click();
  await page.getByRole("heading", { name: /^(Bienvenue, .*|Discussions)$/ }).first().waitFor();
};

await play({
  async "the first device asks about the second, confirmed or not"() {
    sophie = await arrive("Sophie Lambert");
    laptop = await signInAgain("sophie", sophie.password);
    await question(sophie).waitFor();
    await look(sophie, "new-sign-in");
    await open(laptop);
    await question(sophie).waitFor();
    assert((await question(laptop).count()) === 0, "a new device asks about older ones");
    await sophie.getByRole("alert").getByRole("button", { name: "C’est moi" }).click();
    await question(sophie).waitFor({ state: "detached" });
    await sophie.reload();
    await sophie.getByRole("heading", { name: /^Bienvenue/ }).waitFor();
    assert((await question(sophie).count()) === 0, "what was answered is asked again");
  },
  async "whoever closes the question of a verification leaves it to the other device"() {
    phone = await signInAgain("sophie", sophie.password, { viewport: { width: 412, height: 915 } });
    await phone.getByRole("button", { name: /^Avec un autre de vos appareils/ }).click();
    for (const page of [sophie, laptop]) {
      await page.getByRole("button", { name: "Voir la demande" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Commencer" }).waitFor();
    }
    await sophie.getByRole("dialog").getByRole("button", { name: "Fermer" }).first().click();
    await sophie.getByRole("dialog").waitFor({ state: "detached" });
    await laptop.getByRole("button", { name: "Commencer" }).click();
    await laptop.getByRole("button", { name: "Comparer des images" }).click();
    for (const page of [laptop, phone]) await page.getByRole("button", { name: "Oui, ce sont les mêmes" }).click();
    await phone.getByRole("heading", { name: "Discussions" }).first().waitFor();
    await laptop.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
    for (const page of [sophie, laptop]) await page.getByRole("alert").getByRole("button", { name: "C’est moi" }).click();
  },
  async "it was not me: the session ends, then the password is to be changed"() {
    const thief = await signInAgain("sophie", sophie.password);
    for (const page of [sophie, laptop, phone]) await question(page).waitFor();
    await look(phone, "new-sign-in-phone");
    const [page] = await Promise.all([sophie.context().waitForEvent("page"), sophie.getByRole("link", { name: "Ce n’est pas moi" }).click()]);
    await page.locator("main").waitFor();
    if (await page.locator("#password").count()) {
      await page.locator("#password").fill(sophie.password);
      await page.keyboard.press("Enter");
    }
    await page.getByRole("button", { name: "Déconnecter", exact: true }).click();
    await page.getByText("est déconnecté").first().waitFor();
    await page.close();
    await thief.getByRole("button", { name: "Continuer" }).waitFor(); // the sign-in again
    await sophie.bringToFront();
    await sophie.getByRole("alert").getByRole("heading", { name: "Cet appareil est déconnecté" }).waitFor();
    await look(sophie, "new-sign-in-ended");
    const [account] = await Promise.all([sophie.context().waitForEvent("page"), sophie.getByRole("link", { name: "Changer mon mot de passe" }).click()]);
    await account.locator("main").waitFor();
    await account.close();
    await question(phone).waitFor({ state: "detached" });
  },
});
