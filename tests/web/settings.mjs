// What people set, what is told to them, and the client without a network.
import { arrive, assert, attach, createRoom, look, messages, play, say, sees, server, until } from "./stage.mjs";

let sophie;
let nadia;

const set = (page, name) => page.getByRole("radiogroup", { name }).or(page.getByRole("group", { name }));

/** The words of the rail, and of the bar of a phone, are whole at every width at which they are shown. */
async function wholeWords(page) {
  for (const width of [1920, 1440, 1280, 1100, 1024, 768, 600, 400, 360]) {
    await page.setViewportSize({ width, height: 900 });
    let cut = [];
    const look = () => page.evaluate(() =>
      [...document.querySelectorAll(".rail .nav, .tabs .nav")].flatMap((link) => {
        const name = link.querySelector(".navname");
        if (!name?.checkVisibility() || getComputedStyle(name).fontSize === "0px") return [];
        const [words, box, bar] = [name, link, link.closest(".rail, .tabs")].map((each) => each.getBoundingClientRect());
        const isWhole = words.left >= box.left && words.right <= box.right && box.left >= bar.left && box.right <= bar.right && box.right <= innerWidth;
        return isWhole && name.scrollWidth <= name.clientWidth + 1 ? [] : [name.textContent];
      }),
    );
    await until(() => `whole at ${width} px: ${cut}`, async () => {
      cut = await look(); // the page may just be taking its new width
      return !cut.length;
    });
  }
}

await play({
  async "the profile"() {
    sophie = await arrive("Sophie Lambert [Préfecture du Rhône]");
    nadia = await arrive("Nadia Kessler [DDT du Rhône]");
    await createRoom(sophie, "Astreinte", "Privée", ["Nadia"]);
    await nadia.getByRole("button", { name: "Rejoindre Astreinte" }).click();
    await sees(sophie, "Nadia Kessler a rejoint");
    await sophie.goto(`${server}/#/settings/profile`);
    await look(sophie, "settings-profile");
    await sophie.getByLabel("Votre nom").fill("Sophie Martin [Préfecture du Rhône]");
    await sophie.getByRole("button", { name: "Enregistrer" }).click();
    await sophie.getByText("Enregistré").waitFor();
    await nadia.getByRole("button", { name: /membres/ }).first().click();
    await nadia.getByRole("complementary").getByText("Sophie Martin").waitFor();
  },
  async "the appearance: themes, contrast, density, size, language"() {
    await sophie.goto(`${server}/#/settings/appearance`);
    await sophie.getByText("Sombre", { exact: true }).click();
    await look(sophie, "settings-dark");
    await sophie.getByText("Renforcé", { exact: true }).click();
    await look(sophie, "settings-dark-contrast");
    await sophie.getByText("Clair", { exact: true }).click();
    await look(sophie, "settings-contrast");
    await set(sophie, "Contraste").getByText("Comme le système").click();
    await sophie.getByText("Serré", { exact: true }).click();
    await sophie.getByText("Très grande", { exact: true }).click();
    await look(sophie, "settings-large");
    await wholeWords(sophie);
    await sophie.setViewportSize({ width: 1440, height: 900 });
    await sophie.getByText("Normale", { exact: true }).click();
    assert((await sophie.getByText("English", { exact: true }).getAttribute("lang")) === "en", "a word of another language does not say which it is of");
    await sophie.getByText("English", { exact: true }).click();
    await sophie.getByRole("heading", { level: 1, name: "Appearance" }).waitFor();
    await look(sophie, "settings-english");
    await wholeWords(sophie);
    await sophie.setViewportSize({ width: 1440, height: 900 });
    await sophie.getByText("Français", { exact: true }).click();
    await sophie.getByRole("heading", { level: 1, name: "Apparence" }).waitFor();
    assert(/^(\(\d+\) )?Apparence – Réglages – /.test(await sophie.title()), `the page is called ${await sophie.title()}`);
  },
  async "notifications: keywords, quiet hours, the desktop"() {
    await sophie.goto(`${server}/#/settings/notifications`);
    await sophie.getByLabel("Nouveau mot-clé").fill("Saône");
    await sophie.getByRole("button", { name: "Ajouter" }).click();
    await sophie.getByRole("button", { name: "Retirer le mot-clé Saône" }).waitFor();
    await sophie.getByRole("switch", { name: "Ne rien faire sonner pendant ces heures" }).click();
    const from = sophie.getByLabel("De", { exact: true });
    await from.fill("25 h");
    await from.press("Tab");
    await sophie.getByText(/^Cette heure n’est pas comprise/).waitFor();
    await from.fill("20 h 15");
    await from.press("Enter");
    await sophie.getByText("Enregistré").waitFor();
    assert((await from.inputValue()) === "20 h 15", `written otherwise: ${await from.inputValue()}`);
    await look(sophie, "settings-notifications");
    await sophie.evaluate(() => {
      window.told = [];
      window.Notification = class { static permission = "granted"; static requestPermission = async () => "granted"; constructor(title, options) { window.told.push([title, options.body]); } close() {} };
    });
    await sophie.getByRole("switch", { name: "Notifications sur cet ordinateur" }).click();
    await sophie.getByRole("switch", { name: "Notifications sur cet ordinateur", checked: true }).waitFor();
    await say(nadia, "La Saône monte");
    await sophie.waitForFunction(() => window.told.length > 0);
    const [[title, body]] = await sophie.evaluate(() => window.told);
    assert(/Nadia Kessler – Astreinte/.test(title) && body === "La Saône monte", `told: ${title} ${body}`);
    await sophie.getByRole("link", { name: "Discussions" }).click();
    await sophie.getByRole("link", { name: /Astreinte.*@ 1/ }).waitFor();
    assert((await sophie.title()).startsWith("(1)"), "the title counts what is unread");
  },
  async "privacy: reading and typing are not told, people can be ignored"() {
    await sophie.goto(`${server}/#/settings/privacy`);
    await look(sophie, "settings-privacy");
    await sophie.getByRole("switch", { name: "Dire aux autres ce que j’ai lu" }).click();
    await sophie.goto(`${server}/#/`);
    await sophie.getByRole("link", { name: /Astreinte/ }).click();
    await sees(sophie, "La Saône monte");
    await say(nadia, "Tu as lu ?");
    await sees(sophie, "Tu as lu ?");
    await sophie.getByRole("button", { name: /membres/ }).first().click();
    await sophie.getByRole("complementary").getByRole("button", { name: /Nadia Kessler/ }).click();
    await sophie.getByRole("button", { name: "Ignorer cette personne" }).click();
    await sophie.getByRole("button", { name: "Ne plus ignorer" }).waitFor();
    await sophie.goto(`${server}/#/settings/privacy`);
    await sophie.getByRole("main").getByText("Nadia Kessler").first().waitFor();
    await sophie.getByRole("button", { name: "Ne plus ignorer" }).click();
    await sophie.getByText("Personne", { exact: true }).waitFor();
    assert((await messages(nadia).getByText(/Vu par Sophie/).count()) === 0, "a private receipt was told");
  },
  async "a copy of all one's data, what was encrypted too"() {
    const [download] = await Promise.all([sophie.waitForEvent("download"), sophie.getByRole("button", { name: "Télécharger mes données" }).click()]);
    const parts = [];
    for await (const each of await download.createReadStream()) parts.push(each);
    const copy = JSON.parse(Buffer.concat(parts).toString());
    assert(copy.account.startsWith("@sophie:") && copy.rooms.some((room) => room.messages.some((each) => each.content.body === "La Saône monte")), "the copy lacks a message");
    assert(!JSON.stringify(copy.account_data).includes("m.cross_signing"), "the copy holds secrets");
  },
  async "help: keys, a diagnosis without messages"() {
    await sophie.goto(`${server}/#/settings/help`);
    await sophie.getByText("Raccourcis du clavier").waitFor();
    await look(sophie, "settings-help");
  },
  async "F6 goes through the regions; everything can be done by keyboard"() {
    await sophie.goto(`${server}/#/`);
    await sophie.getByRole("link", { name: /Astreinte/ }).focus();
    await sophie.keyboard.press("Enter");
    await sophie.getByTestId("composer").waitFor();
    const places = new Set();
    for (let turn = 0; turn < 5; turn++) {
      await sophie.keyboard.press("F6");
      places.add(await sophie.evaluate(() => document.activeElement.closest("[data-region]")?.className.split(" ")[0]));
    }
    assert(places.size >= 3, `regions: ${[...places]}`);
    await sophie.getByTestId("composer").focus();
    await sophie.keyboard.type("au clavier");
    await sophie.keyboard.press("Enter");
    await sees(nadia, "au clavier");
    await sophie.keyboard.press("Alt+n");
    await sophie.getByRole("dialog", { name: "Nouvelle discussion" }).waitFor();
    await sophie.keyboard.press("Escape");
    await sophie.getByRole("dialog").waitFor({ state: "detached" });
    await sophie.keyboard.press("Control+k");
    await sophie.keyboard.type("astr");
    await sophie.getByRole("option", { name: /Astreinte/ }).waitFor();
    await sophie.keyboard.press("Enter");
    await sophie.getByRole("heading", { level: 1, name: "Astreinte" }).waitFor();
  },
  async "without a network the client opens, shows what it had, and sends later"() {
    await sophie.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === "activated");
    await sophie.reload();
    await sees(sophie, "au clavier");
    await sophie.waitForTimeout(1000);
    await sophie.evaluate(() => window.dispatchEvent(new Event("pagehide")));
    await sophie.context().setOffline(true);
    await sophie.reload();
    await sophie.getByRole("link", { name: /Astreinte/ }).waitFor();
    await sophie.getByText("Hors connexion. Vos messages partiront").waitFor();
    await look(sophie, "offline-shell");
    const inside = sophie.url();
    await sophie.goto(`${server}/#/room/${encodeURIComponent("!elsewhere")}`);
    await sophie.getByText("Cette discussion n’est pas encore sur cet appareil").waitFor(); // nobody can know more without a network
    await look(sophie, "offline-unknown-room");
    await sophie.goto(inside);
    await sophie.getByText("Cette discussion n’est pas encore sur cet appareil").waitFor({ state: "detached" });
    await sophie.context().setOffline(false);
    await sophie.getByText("Hors connexion. Vos messages partiront").waitFor({ state: "detached", timeout: 60_000 });
  },
  async "a file that fails is sent again, one that is unwanted is not sent"() {
    await sophie.route("**/media/v3/upload*", (route) => route.fulfill({ status: 403, json: { errcode: "M_FORBIDDEN", error: "not now" } }));
    await attach(sophie, { name: "plan.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(2000) });
    await sophie.getByText("L’envoi a échoué").waitFor();
    await look(sophie, "upload-failed");
    await sophie.unroute("**/media/v3/upload*");
    await sophie.getByRole("button", { name: "Réessayer" }).click();
    await sees(nadia, "plan.pdf");
    await sophie.route("**/media/v3/upload*", () => {}); // never answered
    await attach(sophie, { name: "non.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(2000) });
    await sophie.getByRole("button", { name: "Annuler l’envoi de non.pdf" }).click();
    await sophie.getByText("non.pdf").waitFor({ state: "detached" });
    await sophie.unroute("**/media/v3/upload*");
  },
});
