// Getting in, each way, with the brand of the organisation: by mail, by password, by a provider; and each way that leads nowhere.
import { ask, assert, createRoom, look, messages, play, say, sees, server, visit } from "./stage.mjs";

const ADDRESS = "Adresse e-mail professionnelle";
let page;
let zoe; // of the organisation's provider
let there; // another organisation's server, a site of its own for this browser
/** The pages after the account exists: name, recovery code put off. */
async function settleIn(page) {
  await page.getByRole("heading", { name: /Que verront vos collègues/ }).waitFor();
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.getByRole("button", { name: "Me le redemander plus tard" }).click();
  await page.getByRole("heading", { name: /^Bienvenue, / }).waitFor();
}

/** The account is open again: by the button, unless the client has noticed it by itself before. */
const tryAgain = async () => {
  const inside = page.getByRole("heading", { name: /^(Bienvenue|Discussions)/ }).first();
  await page.getByRole("button", { name: "Réessayer" }).or(inside).first().waitFor();
  await page.getByRole("button", { name: "Réessayer" }).click({ timeout: 2000 }).catch(() => {});
  await inside.waitFor();
};

await play({
  async "the organisation's brand is on the first page, without a build"() {
    page = await visit();
    await page.goto(server);
    await page.getByText("Messagerie de l'État").first().waitFor();
    await page.getByText("La messagerie de vos services").waitFor();
    await page.getByRole("link", { name: "Aide" }).waitFor();
    assert((await page.title()).includes("Messagerie de l'État"), `the title is ${await page.title()}`);
    const colour = await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--brand").trim());
    assert(colour === "#000091", `the colour is ${colour}`);
    await look(page, "brand");
  },
  async "addresses that lead elsewhere, or nowhere"() {
    await page.getByLabel(ADDRESS).fill("quelquun@gmail.test");
    await page.getByText("n’est d’aucune organisation connue").waitFor();
    await look(page, "unknown-organisation");
    await page.getByLabel(ADDRESS).fill("maire@ville.test");
    await page.getByText("Votre organisation a son propre service").waitFor();
    await look(page, "elsewhere");
    await page.getByRole("button", { name: "Continuer là-bas" }).click();
    await page.waitForURL((url) => url.origin !== server);
    await page.waitForFunction((label) => document.body.innerText.includes(label), ADDRESS);
    assert((await page.getByLabel(ADDRESS).inputValue()) === "maire@ville.test", "the address did not come along");
    there = new URL(page.url()).origin;
  },
  async "an account is made with a professional address"() {
    page = await visit();
    await page.goto(server);
    await page.getByLabel(ADDRESS).fill("nadia@etat.test");
    await page.getByText("Vous vous identifierez avec ProConnect").waitFor();
    await page.getByRole("button", { name: "Créer mon compte" }).click();
    await page.locator("#email").fill("nadia@etat.test");
    await look(page, "register-email");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Consultez votre messagerie" }).waitFor();
    await page.goto(await ask("mail", "nadia@etat.test"));
    await page.getByRole("button", { name: "Confirmer" }).click();
    await page.locator("#username").fill("nadia");
    await page.locator("#password").fill("mot de passe de nadia");
    await page.keyboard.press("Enter");
    await settleIn(page);
    assert((await page.getByRole("link", { name: "Forums" }).count()) === 0, "forums are off for this brand");
    await look(page, "brand-home");
  },
  async "a forgotten password is replaced, with the link of a mail"() {
    const other = await visit();
    await other.goto(server);
    await other.getByLabel(ADDRESS).fill("nadia@etat.test");
    await other.getByRole("button", { name: "Continuer" }).click();
    await other.getByRole("link", { name: "Mot de passe oublié ?" }).click();
    await other.getByLabel("Adresse électronique").fill("nadia@etat.test");
    await other.getByRole("button", { name: "Recevoir un lien" }).click();
    await other.getByRole("heading", { name: "Consultez votre messagerie" }).waitFor();
    await other.goto(await ask("mail", "nadia@etat.test"));
    await other.getByRole("button", { name: "Confirmer" }).click();
    await other.getByLabel("Nouveau mot de passe").fill("un autre mot de passe");
    await other.keyboard.press("Enter");
    await other.getByText("Votre mot de passe a changé").waitFor();
    await other.goto(server);
    await other.getByLabel(ADDRESS).fill("nadia@etat.test");
    await other.getByRole("button", { name: "Continuer" }).click();
    assert((await other.locator("#username, #login, [name=username]").first().inputValue()) === "nadia@etat.test", "the address is asked for twice");
    await other.locator("#password").fill("un autre mot de passe");
    await other.keyboard.press("Enter");
    await other.getByRole("heading", { name: "Confirmez cet appareil" }).waitFor();
    await other.getByRole("button", { name: "Plus tard" }).click();
    await other.getByRole("heading", { name: /^Bienvenue/ }).waitFor();
    await page.getByText("Le mot de passe de votre compte a changé").waitFor(); // who knew the old password is out
    await look(page, "session-ended");
    await page.context().close();
    page = other;
  },
  async "another application is allowed in: the forms lead back to it, and only to it"() {
    const back = `${there}/back`;
    const asked = { client_name: "Agenda", client_uri: "https://agenda.test/", application_type: "native", redirect_uris: [back], grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "none" };
    const made = await fetch(`${server}/oauth2/registration`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) });
    const { client_id } = await made.json();
    const scope = "urn:matrix:client:api:* urn:matrix:client:device:ABCDEFGHIJ";
    const query = new URLSearchParams({ response_type: "code", client_id, redirect_uri: back, scope, state: "s", code_challenge: "c".repeat(43), code_challenge_method: "S256" });
    const owner = await visit();
    await owner.goto(`${server}/oauth2/authorize?${query}`);
    await owner.locator("[name=login]").fill("nadia");
    await owner.locator("#password").fill("un autre mot de passe");
    await owner.keyboard.press("Enter");
    await owner.getByRole("button", { name: "Autoriser" }).waitFor();
    await look(owner, "consent-application");
    await owner.getByRole("button", { name: "Autoriser" }).click();
    await owner.waitForURL((url) => url.href.startsWith(back) && url.searchParams.get("code"));
    await owner.goto(`${server}/login/continue?redirectUrl=${encodeURIComponent(back)}`);
    const blocked = owner.evaluate(() => new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => resolve(`${effectiveDirective} ${blockedURI}`));
      const form = document.createElement("form");
      [form.method, form.action] = ["post", "https://evil.test/slipped-in"];
      document.body.append(form);
      form.submit();
    }));
    assert(/^form-action https:\/\/evil\.test/.test(await blocked), "a form that somebody slipped in has left");
    await owner.context().close();
  },
  async "by the organisation's identity provider"() {
    zoe = await visit();
    await zoe.goto(server);
    await zoe.getByLabel(ADDRESS).fill("zoe@etat.test");
    await zoe.getByText("Vous vous identifierez avec ProConnect").waitFor();
    await look(zoe, "provider");
    await zoe.getByRole("button", { name: "Continuer", exact: true }).click();
    await zoe.locator("[name=login], a:has-text('ProConnect')").first().waitFor();
    if (await zoe.getByRole("link", { name: "Continuer avec ProConnect" }).count()) await zoe.getByRole("link", { name: "Continuer avec ProConnect" }).click();
    await zoe.locator("[name=login]").fill("zoe");
    await zoe.locator("[name=password]").fill("x");
    await zoe.keyboard.press("Enter");
    await zoe.getByRole("button", { name: "Continue" }).click();
    await settleIn(zoe);
  },
  async "a colleague's card says what the provider knows of them"() {
    await createRoom(page, "Presse", "Privée", ["zoe"]);
    await page.locator("main header").getByRole("button", { name: "Membres" }).first().click();
    const panel = page.getByRole("complementary").filter({ has: page.getByRole("heading", { name: "Membres" }) });
    await panel.getByRole("button", { name: /zoe Martin/ }).click();
    const card = page.locator(".panelbody").filter({ has: page.getByRole("heading", { name: "zoe Martin" }) });
    await card.getByText("Cheffe du service").waitFor();
    await card.getByText("Communication", { exact: true }).waitFor();
    const call = card.getByRole("link", { name: /^Appeler le \+33 \(0\)1 23 45 67 89$/ });
    assert((await call.getAttribute("href")) === "tel:+33123456789", "the telephone would dial something else");
    await look(page, "card-of-directory");
    await page.setViewportSize({ width: 360, height: 740 });
    await call.waitFor();
    await look(page, "card-of-directory-phone");
    await card.getByRole("button", { name: "Copier le numéro" }).press("Enter");
    await page.getByText("Numéro copié.").first().waitFor();
    assert((await page.evaluate(() => navigator.clipboard.readText())) === "+33 (0)1 23 45 67 89", "another number was copied");
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole("complementary").getByRole("button", { name: "Membres" }).click();
    await panel.getByRole("button", { name: /nadia/i }).first().click();
    await page.locator(".panelbody").getByRole("heading", { name: /nadia/i }).waitFor();
    assert((await page.locator(".panelbody").getByText("Téléphone").count()) === 0, "who has no number has a line for it");
  },
  async "a service is mentioned by its name: whoever is of it is told, and sees how many they are"() {
    await zoe.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await page.locator("main header").getByText("2 membres").waitFor();
    await zoe.getByRole("link", { name: "Fichiers" }).click();
    await page.getByRole("complementary").getByRole("button", { name: "Fermer" }).first().click();
    const box = page.getByTestId("composer");
    await box.pressSequentially("Bonjour @comm");
    const option = page.getByRole("option", { name: /^Communication Service, 1 personne/ });
    await option.waitFor();
    await look(page, "mention-service");
    await box.press("Enter");
    await box.pressSequentially("le point est à 9 h");
    await box.press("Enter");
    await messages(page).locator(".at").getByText("@Communication (1)", { exact: true }).waitFor();
    await zoe.getByRole("link", { name: "Discussions" }).click();
    await zoe.getByRole("link", { name: /Presse.*@ 1/ }).click();
    await messages(zoe).locator(".at.me").getByText("@Communication (1)", { exact: true }).waitFor();
    await sees(zoe, "le point est à 9 h");
    await look(zoe, "mentioned-service");
    await page.setViewportSize({ width: 360, height: 740 });
    await look(page, "mention-service-phone");
    await page.setViewportSize({ width: 1440, height: 900 });
    await zoe.context().close();
  },
  async "who changes their mind on the way is told so"() {
    const undecided = await visit();
    await undecided.goto(`${server}/?state=made-up&code=x`);
    await undecided.getByText("Cette connexion a pris trop de temps").waitFor();
    await look(undecided, "too-late");
    await undecided.context().close();
  },
  async "a suspended account: what is not sent says why, and leaves once the account may write again"() {
    await createRoom(page, "Notes");
    await ask("state", "nadia suspended");
    await say(page, "Encore un mot");
    await messages(page).getByText("Votre compte est suspendu").waitFor();
    await say(page, "Et un autre"); // it is refused for itself, and does not hang behind the first
    await messages(page).getByText("Votre compte est suspendu").nth(1).waitFor();
    await look(page, "suspended-account");
    await ask("state", "nadia open");
    for (let left = 2; left > 0; left -= 1) await messages(page).getByRole("button", { name: "Réessayer" }).first().click();
    await messages(page).getByText("Pas envoyé").first().waitFor({ state: "detached" });
    await sees(page, "Et un autre");
  },
  async "a locked account, an expired one: what to do is said, nothing is lost"() {
    await ask("state", "nadia locked");
    await page.getByRole("heading", { name: "Votre compte est verrouillé" }).waitFor();
    await look(page, "locked-account");
    await ask("state", "nadia open");
    await tryAgain();
    await ask("state", "nadia expired");
    await page.getByRole("heading", { name: "Votre compte a expiré" }).waitFor();
    await look(page, "expired-account");
    await page.reload();
    await page.getByRole("heading", { name: "Votre compte a expiré" }).waitFor();
    await ask("state", "nadia open");
    await tryAgain();
  },
  async "a session that was ended elsewhere ends here, with a word about it"() {
    await ask("state", "nadia out");
    await page.getByText("Votre compte a été déconnecté de tous ses appareils").waitFor();
  },
});
