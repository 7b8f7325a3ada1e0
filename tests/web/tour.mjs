// Every screen once more, as those see it who need it otherwise: more contrast (AAA), a phone, twice the size, no movement.
import { act, arrive, createRoom, look, messages, play, say, sees, server } from "./stage.mjs";

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNkYPhfz0AEYBxVSF+FAP5FDvcfRYWgAAAAAElFTkSuQmCC", "base64");
let ines;
let room;

const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 360, height: 740 }, doubled: { width: 640, height: 450 } };

async function go(hash) {
  await ines.evaluate((where) => { location.hash = where; }, hash);
  await ines.locator("h1:visible, h2:visible").first().waitFor();
  await ines.waitForTimeout(250);
}

async function tour(kind) {
  const screens = {
    home: "#/", room: `#/room/${room}`, forums: "#/forums", files: "#/files", settings: "#/settings",
    ...Object.fromEntries(["members", "pins", "files", "details", "search"].map((panel) => [panel, `#/room/${room}?panel=${panel}`])),
    person: `#/room/${room}?panel=person&id=${encodeURIComponent("@ines:localhost")}`,
    ...Object.fromEntries(["profile", "notifications", "appearance", "devices", "privacy", "help"].map((page) => [page, `#/settings/${page}`])),
    "not here": "#/room/!unknown:localhost",
  };
  for (const [name, hash] of Object.entries(screens)) {
    await go(hash);
    await look(ines, `${kind}: ${name}`);
  }
  await go("#/");
  await ines.keyboard.press("Alt+n");
  await ines.getByRole("dialog").waitFor();
  await look(ines, `${kind}: create`);
  await ines.getByRole("dialog").getByRole("button", { name: "Annuler" }).click();
  await ines.getByRole("dialog").waitFor({ state: "detached" });
  await ines.keyboard.press("Control+k");
  await ines.getByRole("combobox").fill("consigne");
  await ines.getByRole("option").first().waitFor();
  await look(ines, `${kind}: switcher`);
  await ines.keyboard.press("Escape");
  await ines.getByRole("dialog").waitFor({ state: "detached" });
}

/** What is chosen on the appearance page, by its words. */
async function choose(...words) {
  await ines.setViewportSize(SIZES.wide);
  await go("#/settings/appearance");
  for (const word of words) await ines.getByText(word, { exact: true }).first().click();
}

await play({
  async "a room with everything in it"() {
    ines = await arrive("Inès Faure", { reducedMotion: "reduce" });
    await createRoom(ines, "Exercice ORSEC");
    await say(ines, "Une consigne **importante**, `code`, [lien](https://example.org)");
    await say(ines, "> citation\n\n- liste\n- encore\n\n| a | b |\n|---|---|\n| 1 | 2 |");
    await ines.getByTestId("file").setInputFiles({ name: "plan.png", mimeType: "image/png", buffer: PICTURE });
    await messages(ines).getByRole("img", { name: /plan.png/ }).waitFor();
    await ines.getByTestId("file").setInputFiles({ name: "plan.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4") });
    await sees(ines, "plan.pdf");
    await act(ines, "Une consigne", "Épingler");
    await ines.getByRole("button", { name: /^Joindre/ }).click();
    await ines.getByRole("menuitem", { name: "Sondage" }).click();
    await look(ines, "poll dialog");
    await ines.getByLabel("Question").fill("Prêts ?");
    await ines.getByLabel("Réponse 1").fill("Oui");
    await ines.getByLabel("Réponse 2").fill("Non");
    await ines.getByRole("button", { name: "Envoyer le sondage" }).click();
    await messages(ines).getByText("Prêts ?").waitFor();
    room = await ines.evaluate(() => location.hash.split("/")[2].split("?")[0]);
  },
  async "with more contrast, light and dark"() {
    await choose("Renforcé", "Clair");
    await tour("contrast");
    await choose("Sombre");
    await tour("contrast, dark");
    await choose("Clair");
    await ines.getByRole("group", { name: "Contraste" }).getByText("Comme le système").click();
  },
  async "on the smallest phone"() {
    await ines.setViewportSize(SIZES.phone);
    await tour("phone");
  },
  async "at twice the size"() {
    await ines.setViewportSize(SIZES.doubled);
    await tour("doubled");
  },
  async "with the system's own dark theme, and in English"() {
    await ines.emulateMedia({ colorScheme: "dark" });
    await choose("English");

    await ines.goto(`${server}/#/`);
    await look(ines, "english home");
  },
});
