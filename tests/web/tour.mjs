// Every screen once more, as those see it who need it otherwise: more contrast (AAA), a phone, 400 %, twice the size, text set wider
// apart, no movement.
import { act, arrive, assert, attach, createRoom, look, messages, play, say, sees, server } from "./stage.mjs";

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNkYPhfz0AEYBxVSF+FAP5FDvcfRYWgAAAAAElFTkSuQmCC", "base64");
let lucie;
let room;

const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 360, height: 740 }, least: { width: 320, height: 640 }, doubled: { width: 640, height: 450 } };

async function go(hash) {
  await lucie.evaluate((where) => { location.hash = where; }, hash);
  await lucie.locator("h1:visible, h2:visible").first().waitFor();
  await lucie.waitForTimeout(250);
}

async function tour(kind) {
  const screens = {
    home: "#/", room: `#/room/${room}`, "search page": "#/search?q=consigne", forums: "#/forums", files: "#/files", threads: "#/threads", saved: "#/saved", settings: "#/settings",
    ...Object.fromEntries(["members", "pins", "files", "details", "search"].map((panel) => [panel, `#/room/${room}?panel=${panel}`])),
    person: `#/room/${room}?panel=person&id=${encodeURIComponent("@lucie:localhost")}`,
    ...Object.fromEntries(["profile", "notifications", "appearance", "devices", "privacy", "help"].map((page) => [page, `#/settings/${page}`])),
    "not here": "#/room/!unknown:localhost",
  };
  for (const [name, hash] of Object.entries(screens)) {
    await go(hash);
    await look(lucie, `${kind}: ${name}`);
  }
  await go("#/");
  await lucie.keyboard.press("Alt+n");
  await lucie.getByRole("dialog").waitFor();
  await look(lucie, `${kind}: create`);
  await lucie.getByRole("dialog").getByRole("button", { name: "Annuler" }).click();
  await lucie.getByRole("dialog").waitFor({ state: "detached" });
  await lucie.keyboard.press("Control+k");
  await lucie.getByRole("combobox").fill("consigne");
  await lucie.getByRole("option").first().waitFor();
  await look(lucie, `${kind}: switcher`);
  await lucie.keyboard.press("Escape");
  await lucie.getByRole("dialog").waitFor({ state: "detached" });
}

/** What is cut once text is set as WCAG 1.4.12 says, and was whole before. */
const setApart = () =>
  lucie.evaluate(async () => {
    const cut = () =>
      [...document.body.querySelectorAll("*")].filter((each) => {
        const { overflowX, overflowY } = getComputedStyle(each);
        const says = [...each.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
        const isCut = (overflowX === "hidden" && each.scrollWidth > each.clientWidth + 1) || (overflowY === "hidden" && each.scrollHeight > each.clientHeight + 1);
        return says && isCut && each.checkVisibility() && !each.closest(".sr, .skip") && getComputedStyle(each).textOverflow !== "ellipsis";
      });
    const before = new Set(cut());
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("*{line-height:1.5!important;letter-spacing:.12em!important;word-spacing:.16em!important}p{margin-bottom:2em!important}");
    document.adoptedStyleSheets.push(sheet);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const lost = cut().filter((each) => !before.has(each)).map((each) => each.outerHTML.slice(0, 120));
    document.adoptedStyleSheets.pop();
    return lost;
  });

/** What is chosen on the appearance page, by its words. */
async function choose(...words) {
  await lucie.setViewportSize(SIZES.wide);
  await go("#/settings/appearance");
  for (const word of words) await lucie.getByText(word, { exact: true }).first().click();
}

await play({
  async "a room with everything in it"() {
    lucie = await arrive("Lucie Faure", { reducedMotion: "reduce" });
    await createRoom(lucie, "Exercice ORSEC");
    await say(lucie, "Une consigne **importante**, `code`, [lien](https://example.org)");
    await say(lucie, "> citation\n\n- liste\n- encore\n\n| a | b |\n|---|---|\n| 1 | 2 |");
    await attach(lucie, { name: "plan.png", mimeType: "image/png", buffer: PICTURE });
    await messages(lucie).getByRole("img", { name: /plan.png/ }).waitFor();
    await attach(lucie, { name: "plan.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4") });
    await sees(lucie, "plan.pdf");
    await act(lucie, "Une consigne", "Épingler");
    await lucie.getByRole("button", { name: /^Joindre/ }).click();
    await lucie.getByRole("menuitem", { name: "Sondage" }).click();
    await look(lucie, "poll dialog");
    await lucie.getByLabel("Question").fill("Prêts ?");
    await lucie.getByLabel("Réponse 1").fill("Oui");
    await lucie.getByLabel("Réponse 2").fill("Non");
    await lucie.getByRole("button", { name: "Envoyer le sondage" }).click();
    await messages(lucie).getByText("Prêts ?").waitFor();
    room = await lucie.evaluate(() => location.hash.split("/")[2].split("?")[0]);
  },
  async "with more contrast, light and dark"() {
    await choose("Renforcé", "Clair");
    await tour("contrast");
    await choose("Sombre");
    await tour("contrast, dark");
    await choose("Clair");
    await lucie.getByRole("group", { name: "Contraste" }).getByText("Comme le système").click();
  },
  async "on the smallest phone"() {
    await lucie.setViewportSize(SIZES.phone);
    await tour("phone");
  },
  async "at 320 pixels: 1280 at 400 %"() {
    await lucie.setViewportSize(SIZES.least);
    await tour("320");
  },
  async "with lines, letters and words set wider apart"() {
    await lucie.setViewportSize(SIZES.wide);
    for (const hash of ["#/", `#/room/${room}`, `#/room/${room}?panel=details`, "#/search?q=consigne", "#/files", "#/forums", "#/settings/devices", "#/settings/appearance"]) {
      await go(hash);
      const lost = await setApart();
      assert(!lost.length, `${hash}: cut when text is set wider apart: ${lost}`);
    }
  },
  async "at twice the size"() {
    await lucie.setViewportSize(SIZES.doubled);
    await tour("doubled");
  },
  async "with the system's own dark theme, and in English"() {
    await lucie.emulateMedia({ colorScheme: "dark" });
    await choose("English");

    await lucie.goto(`${server}/#/`);
    await look(lucie, "english home");
  },
});
