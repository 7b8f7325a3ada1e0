// Pictures of the screens, at three widths, light and dark: docs/gallery is made of them (make gallery).
import { arrive, attach, createRoom, messages, play, say, sees, server, visit } from "./stage.mjs";

const [, , , , folder] = process.argv;
const WIDTHS = [[360, 740], [768, 1024], [1440, 900]];
let sophie;
let others;

async function picture(page, name) {
  for (const [width, height] of WIDTHS) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.waitForTimeout(250);
      await page.screenshot({ path: `${folder}/${name}.${width}.${colorScheme}.png` });
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

const room = (page, name) => page.getByRole("link", { name: new RegExp(name) }).first().click();

await play({
  async people() {
    sophie = await arrive("Sophie Lambert [Préfecture du Rhône]");
    others = [await arrive("Mehdi Benali [SDIS du Rhône]"), await arrive("Claire Vasseur [Préfecture du Rhône]"), await arrive("Nadia Kessler [DDT du Rhône]")];
    await picture(sophie, "welcome");
  },
  async rooms() {
    await createRoom(sophie, "Cellule de crise – Crue de la Saône", "Ouverte aux invités", ["Mehdi", "Claire", "Nadia"]);
    for (const page of others) await page.getByRole("button", { name: /^Rejoindre Cellule/ }).click();
    const [mehdi, claire, nadia] = others;
    await say(mehdi, "Les deux ponts aval sont fermés. Claire, quelle est la cote ?");
    await sees(claire, "quelle est la cote");
    await say(claire, "Cote à **4,20 m**, encore en hausse. La zone à évacuer :\n\n- quai nord\n- zone d’activité");
    await attach(claire, { name: "Releves-digues-22-nov.csv", mimeType: "text/csv", buffer: Buffer.alloc(18_000) });
    await sees(nadia, "Releves");
    await say(nadia, "La zone d’activité compte 46 entreprises. Je prépare la liste des contacts.");
    await sees(sophie, "46 entreprises");
    await sophie.getByRole("button", { name: /^Joindre/ }).click();
    await sophie.getByRole("menuitem", { name: "Sondage" }).click();
    await sophie.getByLabel("Question").fill("Quelle heure pour le point avec le préfet ?");
    await sophie.getByLabel("Réponse 1").fill("11 h 30, par appel");
    await sophie.getByLabel("Réponse 2").fill("14 h, en salle de crise");
    await sophie.getByRole("button", { name: "Envoyer le sondage" }).click();
    for (const page of others) await messages(page).getByRole("button", { name: /11 h 30/ }).click();
    await messages(sophie).getByRole("button", { name: /3 voix/ }).waitFor();
    for (const page of [mehdi, nadia]) {
      const article = messages(page).getByRole("article").filter({ hasText: "Cote à" }).last();
      await article.hover();
      await article.getByRole("button", { name: "Réagir" }).click();
      await page.getByRole("button", { name: "👍", exact: true }).click();
    }
    await createRoom(sophie, "Permanence du week-end", "Privée", ["Nadia"]);
    await say(sophie, "Planning à jour, bon courage !");
    await createRoom(sophie, "", "Message direct", ["Claire"]);
    await say(sophie, "Merci pour les relevés");
    await room(sophie, "Cellule de crise");
    await sees(sophie, "Quelle heure");
    await sophie.mouse.move(700, 10);
    await picture(sophie, "conversation");
  },
  async panels() {
    await sophie.evaluate(() => history.replaceState(null, "", `${location.hash.split("?")[0]}?panel=members`) ?? dispatchEvent(new PopStateEvent("popstate")));
    await sophie.getByRole("complementary").getByText(/^Joignables · [1-4]$/).waitFor();
    await picture(sophie, "members");
  },
  async dialogs() {
    await sophie.keyboard.press("Escape");
    await sophie.keyboard.press("Alt+n");
    await sophie.getByRole("dialog").waitFor();
    await picture(sophie, "create-room");
    await sophie.getByRole("dialog").getByRole("button", { name: "Annuler" }).click();
    await sophie.getByRole("dialog").waitFor({ state: "detached" });
    await sophie.keyboard.press("Control+k");
    await sophie.getByRole("combobox").fill("ponts");
    await sophie.getByRole("option", { name: /ponts/ }).first().waitFor();
    await picture(sophie, "switcher");
    await sophie.keyboard.press("Escape");
    await sophie.getByRole("dialog").waitFor({ state: "detached" });
  },
  async pages() {
    for (const [name, hash] of [["list", "#/"], ["forums", "#/forums"], ["files", "#/files"], ["devices", "#/settings/devices"], ["appearance", "#/settings/appearance"]]) {
      await sophie.evaluate((where) => { location.hash = where; }, hash);
      await sophie.locator("h1:visible").first().waitFor();
      await sophie.waitForTimeout(600);
      await picture(sophie, name);
    }
  },
  async "signing in"() {
    const [mehdi] = others;
    await mehdi.evaluate(() => { location.hash = "#/settings/devices"; });
    await mehdi.getByRole("button", { name: "Se déconnecter" }).last().click();
    await mehdi.getByRole("alertdialog").getByRole("button", { name: "Se déconnecter" }).click();
    await mehdi.getByLabel("Adresse e-mail professionnelle").fill("sophie.lambert@prefecture-rhone.example");
    await mehdi.getByText("Votre mot de passe vous sera demandé").waitFor();
    await picture(mehdi, "sign-in");
    await mehdi.getByLabel("Adresse e-mail professionnelle").fill("mehdi");
    await mehdi.getByRole("button", { name: "Continuer" }).click();
    await mehdi.locator("#password").fill(mehdi.password);
    await mehdi.keyboard.press("Enter");
    await mehdi.getByRole("heading", { name: "Confirmez cet appareil" }).waitFor();
    await picture(mehdi, "confirm-device");
    await mehdi.getByRole("button", { name: "Plus tard" }).click();
    await mehdi.getByRole("link", { name: /Cellule de crise/ }).click();
    await mehdi.getByText("Message verrouillé sur cet appareil").first().waitFor();
    await picture(mehdi, "locked");
  },
  async "pages of the server"() {
    const page = await visit();
    for (const [name, path] of [["page-sign-in", "/login?login_hint=sophie.lambert@prefecture-rhone.example"], ["page-register", "/register"]]) {
      await page.goto(`${server}${path}`);
      await picture(page, name);
    }
    await page.goto(`${server}/login`);
    await page.locator("#login").fill("sophie");
    await page.locator("#password").fill(sophie.password);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Mon compte" }).waitFor();
    await picture(page, "page-account");
    await page.goto(`${server}/account/second-factor`);
    await picture(page, "page-second-factor");
    await page.context().close();
  },
});
