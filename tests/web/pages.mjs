// Every page of the server, as somebody meets it: it looks like the client, in light and dark, on a phone, in both languages, with more
// contrast, in colours of the system; what is wrong has the focus, and where nothing is to be filled in the heading has it.
import { ask, assert, browser, look, play, server, visit } from "./stage.mjs";

const ADDRESS = "nadia.kessler@etat.test";
const PASSWORD = "correct horse battery";
let page;

const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.tagName);

const APPEARANCES = [
  [320, 256, "light", "more", "none"], // 1280 × 1024 at 400 %
  [768, 1024, "light", "no-preference", "active"],
  [1440, 900, "dark", "no-preference", "none"],
  [360, 740, "dark", "no-preference", "none"],
  [1440, 900, "light", "no-preference", "none"],
];
/** One of each kind is looked at in every appearance, the others on a phone in the dark and on a desk in the light. */
const OF_EACH_KIND = ["login-wrong", "check-mail", "account", "enrol", "password"];

/** Where the focus is, how it is called, what it looks like. */
async function seen(name, focus) {
  await page.waitForFunction((id) => [document.activeElement?.id, document.activeElement?.tagName].includes(id), focus).catch(() => undefined);
  assert((await focused()) === focus, `${name}: the focus is on ${await focused()}, not on ${focus}`);
  const title = await page.title();
  assert(/^.+ – Messagerie de l’État$/.test(title), `${name} is called ${title}`);
  const font = await page.evaluate(() => getComputedStyle(document.querySelector("h1")).fontFamily);
  assert(font.startsWith("Inter"), `${name} is written in ${font}`);
  for (const [width, height, colorScheme, contrast, forcedColors] of APPEARANCES.slice(OF_EACH_KIND.includes(name) ? 0 : 3)) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, contrast, forcedColors, reducedMotion: "reduce" });
    await look(page, `${name}.${width}.${colorScheme}${forcedColors === "active" ? ".forced" : ""}`);
  }
}

const open = (path) => page.goto(`${server}${path}`);
const heading = (name) => page.getByRole("heading", { name, level: 1 }).waitFor();

await play({
  async "signing in, and what goes wrong there"() {
    page = await visit();
    await open("/login");
    await seen("login", "login");
    await page.getByRole("link", { name: "Aller au contenu" }).focus();
    await page.keyboard.press("Enter");
    assert((await focused()) === "content", "nothing leads past what stands before the form");
    await page.getByText("Tous les champs sont obligatoires.").waitFor();
    await page.locator("#login").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "Remplissez ce champ." }).waitFor();
    await seen("login-missing", "login");
    assert((await page.locator("#login").getAttribute("aria-describedby")) === "wrong-field", "the field does not say that it is missing");
    await page.locator("#login").fill("x");
    assert((await page.getByRole("alert").count()) === 0 && !(await page.locator("#login").getAttribute("aria-invalid")), "what is mended is still said");
    await open(`/login?login_hint=${ADDRESS}`);
    await page.getByText("C’est le même chemin").waitFor();
    await seen("login-known", "password");
    await page.locator("#password").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
    await seen("login-wrong", "password");
    assert((await page.locator("#password").getAttribute("aria-describedby"))?.includes("problem"), "the field does not say what is wrong");
  },
  async "an account is made"() {
    await page.getByRole("button", { name: "Créer mon compte" }).click();
    await heading("Consultez votre messagerie");
    await seen("check-mail", "H1");
    await page.getByRole("button", { name: "Renvoyer le message" }).click();
    await heading("Consultez votre messagerie");
    await page.getByRole("link", { name: "Changer d’adresse" }).click();
    await seen("register", "email");
    await page.locator("#email").fill("personne");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "pas écrit comme il faut" }).waitFor();
    await page.locator("form").evaluate((form) => form.submit()); // as without scripts: the server says it
    await page.getByText("Ce n’est pas une adresse électronique.").waitFor();
    await seen("register-wrong", "email");
    await ask("mail", ADDRESS);
    await page.goto(await ask("mail", ADDRESS));
    await seen("verify", "H1");
    await page.getByRole("button", { name: "Confirmer" }).click();
    await page.locator("#username").fill("nadia");
    await page.locator("#password").fill("court");
    await page.keyboard.press("Enter");
    await page.getByText("Le mot de passe doit avoir au moins").waitFor();
    await seen("register-weak", "password");
    await page.locator("#password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await heading("Mon compte");
  },
  async "the account and its second factors"() {
    await seen("account", "H1");
    await page.getByRole("button", { name: `Retirer ${ADDRESS}` }).click();
    await heading("Retirer cette adresse ?");
    await seen("sure", "H1");
    await page.getByRole("link", { name: "Annuler" }).click();
    await page.getByText(ADDRESS).first().waitFor();
    for (const [name, path, focus] of [["password", "/account/password", "current"], ["enrol", "/account/second-factor", "code"], ["passkey", "/account/passkeys", "name"], ["link", "/link", "code"]]) {
      await open(path);
      await seen(name, focus);
    }
    await open("/link?code=AAAA-BBBB");
    await seen("link-unknown", "code");
    await open("/account?action=org.matrix.account_deactivate");
    await seen("deactivate", await focused());
    await open(`/login/continue?redirectUrl=${encodeURIComponent("https://app.example/")}`);
    await seen("continue", "H1");
    await open("/oauth2/authorize?client_id=nobody");
    await seen("error", "H1");
    await open("/invitation?link=x");
    await seen("invitation-foreign", "H1");
  },
  async "a forgotten password"() {
    await page.context().clearCookies();
    await open(`/login?login_hint=${ADDRESS}`);
    await page.getByRole("link", { name: "Mot de passe oublié ?" }).click();
    assert((await page.locator("#email").inputValue()) === ADDRESS, "the address is asked for again");
    await seen("forgot", "email");
    await page.keyboard.press("Enter");
    await heading("Consultez votre messagerie");
    await page.goto(await ask("mail", ADDRESS));
    await page.getByRole("button", { name: "Confirmer" }).click();
    await seen("reset", "password");
    await page.locator("#password").fill(`${PASSWORD} again`);
    await page.keyboard.press("Enter");
    await page.getByText("Votre mot de passe a changé").waitFor();
    await seen("password-changed", "H1");
  },
  async "who has chosen a look in the client sees it on the pages"() {
    await page.goto(server);
    await page.evaluate(() => localStorage.setItem("chappe.appearance", JSON.stringify({ theme: "dark", contrast: "more", textSize: 150, language: "en" })));
    await page.reload();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await open("/login");
    await page.getByRole("heading", { name: /^Sign in to/ }).waitFor();
    const { theme, contrast, size } = await page.evaluate(() => ({ ...document.documentElement.dataset, size: getComputedStyle(document.documentElement).fontSize }));
    assert(theme === "dark" && contrast === "more" && size === "24px", `${theme} ${contrast} ${size}`);
    await look(page, "chosen-look");
    await page.getByRole("link", { name: "Français" }).click();
    await page.getByRole("heading", { name: /^Se connecter à/ }).waitFor();
    assert(browser.contexts().length === 1, "somebody stays");
  },
});
