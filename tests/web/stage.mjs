// The stage of the web client's plays: a real browser, people who use it as people do, and what is looked at on every screen.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { browser, isFirefox, PERMISSIONS, typeAsFirefox } from "./browser.mjs";
import { invalid } from "./valid.mjs";

export { browser };

const require = createRequire(new URL("../clients/js/package.json", import.meta.url));
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const BRIEF = { resultTypes: ["violations"], selectors: false }; // what axe tells: only what is wrong, by its HTML

export const [server, control, pictures] = process.argv.slice(2);
export const checked = new Set();
const faults = [];
const seen = []; // faults of accessibility, told together at the end

let looking = 0; // milliseconds of an act that went into looking at screens
const seconds = (milliseconds) => (milliseconds / 1000).toFixed(1);

/** How long a play waits for what must come, in milliseconds: on a machine that does much else it comes late. */
export const PATIENCE = 120_000;

export function assert(condition, what) {
  if (!condition) throw new Error(what);
}

/** Asks until there is an answer that is true, and returns it. `what` (or what it returns) names it if it never comes. */
export async function until(what, ask) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const found = await ask();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never: ${typeof what === "string" ? what : what()}`);
}

/** A new browser with one open page; what goes wrong in its scripts fails the play. `heard`: gets the page before it opens anything. */
export async function visit({ heard, ...options } = {}) {
  const context = await browser.newContext({ locale: "fr-FR", bypassCSP: false, viewport: { width: 1440, height: 900 }, permissions: PERMISSIONS, ...options });
  if (isFirefox) await context.addInitScript(typeAsFirefox);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  heard?.(page);
  page.on("pageerror", (error) => faults.push(error.stack ?? String(error)));
  page.on("console", (message) => process.env.VERBOSE && console.log(message.type(), message.text().slice(0, 400)));
  return page;
}

/** Makes an account, and comes to where the first sign-in asks for a name. */
export async function register(name, options = {}, at = server) {
  const page = await visit(options);
  page.user = name.split(" ")[0].toLowerCase();
  page.password = `correct horse ${page.user}`;
  await page.goto(at);
  await page.getByRole("button", { name: "Créer mon compte" }).click();
  await page.locator("#username").fill(page.user);
  await page.locator("#password").fill(page.password);
  await page.keyboard.press("Enter");
  return page;
}

/** Registers somebody and takes them through the first sign-in. `isNamed`: their organisation says how they are called; `at`: on which server. */
export async function arrive(name, options = {}, isNamed = false, at = server) {
  const page = await register(name, options, at);
  if (isNamed) {
    await page.getByText("Votre nom vient de votre organisation").waitFor();
    assert(!(await page.getByLabel("Votre nom").isEditable()), "a name that the server fixes can be typed over");
    await look(page, "named-by-organisation");
  } else await page.getByLabel("Votre nom").fill(name);
  await page.getByRole("button", { name: "Continuer" }).click();
  await chooseCode(page);
  const code = (await page.getByTestId("code").innerText()).replace(/\s+/g, " ");
  await page.getByLabel(/J’ai rangé ce code/).check();
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.getByLabel("Code de récupération").fill(code.replaceAll(" ", "").replace(/(.{5})/g, "$1  "));
  await page.getByRole("button", { name: "Terminer" }).click();
  await page.getByRole("heading", { name: /^(Bienvenue, .*|Discussions)$/ }).first().waitFor();
  page.code = code;
  return page;
}

/** Where a passkey could be chosen, by a name of letters, the code is. */
export async function chooseCode(page) {
  await page.getByRole("heading", { name: /^(Gardez ce code|Comment rouvrir)/ }).waitFor();
  if (!(await page.getByRole("heading", { name: /^Comment rouvrir/ }).isVisible())) return;
  await page.getByRole("radio", { name: /^Un code à ranger/ }).check();
  await page.getByRole("button", { name: "Voir mon code" }).click();
}

/** Signs in on another device, up to where the device must be confirmed. */
export async function signInAgain(user, password, options = {}) {
  const page = await visit(options);
  await page.goto(server);
  await page.getByLabel("Adresse e-mail professionnelle").fill(user);
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.locator("#password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Confirmez cet appareil" }).waitFor();
  return page;
}

export async function createRoom(page, name, kind = "Privée", people = []) {
  await page.getByRole("button", { name: "Nouvelle discussion" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: new RegExp(`^${kind}`) }).check();
  if (kind !== "Message direct") await dialog.getByLabel(/^Nom d(e la discussion|u forum|e l’espace)/).fill(name);
  for (const person of people) {
    await dialog.getByLabel(kind === "Message direct" ? "À qui ?" : "Membres").fill(person);
    await dialog.getByRole("listbox", { name: "Personnes trouvées" }).getByRole("option").first().click();
  }
  await dialog.getByRole("button", { name: kind === "Message direct" ? "Écrire" : kind === "Forum" ? "Créer un forum" : kind === "Espace" ? "Créer l’espace" : "Créer la discussion", exact: true }).click();
  await dialog.waitFor({ state: "detached" });
}

export async function say(page, text, where = page) {
  await where.getByTestId("composer").fill(text);
  await where.getByTestId("composer").press("Enter");
}

/** Puts files into the tray and sends them, with what is written in the field. */
export async function attach(page, files, where = page) {
  await where.getByTestId("file").first().setInputFiles(files);
  await where.getByRole("region", { name: "Fichiers à envoyer" }).waitFor();
  await where.getByTestId("composer").press("Enter");
}

export const messages = (page) => page.getByTestId("timeline").first();

export async function sees(page, text) {
  await messages(page).getByText(text, { exact: false }).first().waitFor();
}

/** Presses a button of the message with a text. What comes in meanwhile may move it from under the pointer: then it is reached for again. */
export async function press(page, text, name) {
  const found = messages(page).getByRole("article").filter({ hasText: text }).last();
  for (let tries = 0; ; tries += 1) {
    await found.hover();
    try {
      return await found.getByRole("button", { name, exact: true }).click({ timeout: 2000 });
    } catch (error) {
      if (await page.getByRole("menu").isVisible()) return; // it was pressed: only the answer came late
      if (tries === 15) throw error;
    }
  }
}

export async function act(page, text, action) {
  await press(page, text, "Plus d’actions");
  await page.getByRole("menuitem", { name: action }).click();
}

/** No fault of accessibility, nothing wider than the screen; a picture where one is wanted. */
export async function look(page, name) {
  const began = performance.now();
  await examine(page, name);
  looking += performance.now() - began;
}

async function examine(page, name) {
  checked.add(name);
  await page.locator("h1:visible, [role=dialog]:visible").first().waitFor();
  await page.evaluate(axe);
  // an open dialog hides the page from assistive technology, as it must: the page's own landmarks are not asked for then
  const { violations } = await page.evaluate((brief) => {
    const enabled = !document.querySelector(".scrim");
    const rules = { "landmark-one-main": { enabled }, "page-has-heading-one": { enabled }, region: { enabled } };
    return window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], rules, ...brief });
  }, BRIEF);
  // whoever asks for more contrast gets AAA; no animation runs for whoever asked for none
  if (await page.evaluate(() => document.documentElement.dataset.contrast === "more")) {
    const enhanced = await page.evaluate((brief) => window.axe.run(document, { runOnly: { type: "rule", values: ["color-contrast-enhanced"] }, ...brief }), BRIEF);
    violations.push(...enhanced.violations);
  }
  const moving = await page.evaluate(() => (matchMedia("(prefers-reduced-motion: reduce)").matches ? document.getAnimations().filter((each) => each.effect.getTiming().duration > 1).map((each) => each.animationName ?? each.transitionProperty) : []));
  if (moving.length) seen.push(`${name}: moves (${moving})`);
  if (pictures) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: `${pictures}/${name}.png` });
  }
  const wrong = await page.evaluate(invalid);
  if (wrong.length) seen.push(`${name}: no valid HTML: ${wrong.slice(0, 5).join(" | ")}`);
  if (violations.length) seen.push(`${name}: ${violations.map((v) => `${v.id} (${v.help}): ${v.nodes.slice(0, 3).map((n) => n.html).join(" | ")}`).join("; ")}`);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  const beyond = await page.evaluate(() => {
    const out = [...document.body.querySelectorAll("*")].find((each) => {
      const { right, width } = each.getBoundingClientRect();
      return width > 0 && right > innerWidth + 1 && each.checkVisibility({ opacityProperty: true }) && !each.closest("svg, .sr, .skip, [hidden]");
    });
    return out ? out.outerHTML.slice(0, 160) : null;
  });
  if (beyond) seen.push(`${name}: cut at the right: ${beyond}`);
  if (wider > 0) seen.push(`${name}: ${wider} px wider than the screen`);
}

export async function ask(what, value) {
  const answer = await fetch(`${control}/${what}/${encodeURIComponent(value)}`);
  assert(answer.ok, `${what} ${value}: ${answer.status}`);
  return answer.text();
}

/** Runs a play; a failure leaves a picture of every page. */
export async function play(acts) {
  for (const [name, act] of Object.entries(acts)) {
    const began = performance.now();
    looking = 0;
    try {
      await act();
      assert(!faults.length, `errors in the page: ${faults.join("\n")}`);
      console.log(`ok ${name} (${seconds(performance.now() - began)} s, ${seconds(looking)} of them looking)`);
    } catch (error) {
      let index = 0;
      for (const context of browser.contexts()) for (const page of context.pages()) await page.screenshot({ path: `${pictures || "/tmp"}/failed-${index++}.png` }).catch(() => {});
      console.log(`FAILED ${name}: ${error.stack}\n${[...faults, ...seen].join("\n")}`);
      await browser.close();
      process.exit(1);
    }
  }
  await browser.close();
  if (seen.length) {
    console.log(`FAILED screens:\n${seen.join("\n")}`);
    process.exit(1);
  }
  console.log("PLAY THE END");
  process.exit(0); // clients of the play's own may still wait for the server
}
