// What opens one's messages on another device: passkeys that make a key (WebAuthn "prf"), the code, and what is left without either.
import { arrive, assert, createRoom, look, messages, play, register, say, sees, server, signInAgain } from "./stage.mjs";

const ROOM = "Crue du Rhône";
let sophie, karim, card;

/** An authenticator in the browser of a page. What makes its keys cannot be copied into another one: a new device is the same page, emptied. */
async function authenticator(page, given = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  const options = { protocol: "ctap2", ctap2Version: "ctap2_1", transport: "usb", hasResidentKey: true, hasUserVerification: true, hasPrf: true, isUserVerified: true, automaticPresenceSimulation: true, ...given };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
  return { remove: () => cdp.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId }) };
}

/** The page as another device has it: nothing of the account is left in the browser, the card is in its slot. */
async function onAnotherDevice(page) {
  const before = await page.evaluate(() => indexedDB.databases().then((each) => each.length));
  assert(before > 0, "the device has kept nothing");
  await page.goto(`${server}/_matrix/client/versions`);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Storage.clearDataForOrigin", { origin: new URL(server).origin, storageTypes: "all" });
  await page.context().clearCookies();
  await page.goto(server);
  await page.getByLabel("Adresse e-mail professionnelle").fill(page.user);
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.locator("#password").fill(page.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Confirmez cet appareil" }).waitFor();
}

async function stored(page, type) {
  const login = await fetch(`${server}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: page.user }, password: page.password }) });
  const { access_token, user_id } = await login.json();
  const headers = { Authorization: `Bearer ${access_token}` };
  const answer = await fetch(`${server}/_matrix/client/v3/user/${user_id}/account_data/${type}`, { headers });
  const found = answer.ok ? await answer.json() : null;
  await fetch(`${server}/_matrix/client/v3/logout`, { method: "POST", headers });
  return found;
}

const settings = (page) => page.goto(`${server}/#/settings/devices`);
const row = (page, name) => page.getByRole("main").getByRole("listitem").filter({ hasText: name });
const open = async (page) => {
  await page.getByRole("link", { name: new RegExp(ROOM) }).first().click();
  await page.getByRole("heading", { level: 1, name: ROOM }).waitFor();
};

await play({
  async "a first sign-in offers a passkey; one that makes no key is said in words, and nothing was kept"() {
    sophie = await register("Sophie Lambert");
    await sophie.getByLabel("Votre nom").fill("Sophie Lambert");
    const plain = await authenticator(sophie, { hasPrf: false });
    await sophie.getByRole("button", { name: "Continuer" }).click();
    await sophie.getByRole("heading", { name: /Comment rouvrir vos messages/ }).waitFor();
    await look(sophie, "recovery-means");
    await sophie.getByRole("button", { name: "Créer ma clé d’accès" }).click();
    await sophie.getByText(/ne peut pas ouvrir de messages/).waitFor();
    await look(sophie, "recovery-cannot");
    await plain.remove();
    assert((await stored(sophie, "org.chappe.recovery.passkeys")) === null, "something was kept");
  },
  async "a passkey is made, tried and named; the server is told nothing that opens"() {
    card = await authenticator(sophie);
    await sophie.getByRole("button", { name: "Créer ma clé d’accès" }).click();
    await sophie.getByRole("heading", { name: "Votre clé d’accès est active" }).waitFor();
    await look(sophie, "recovery-passkey");
    await sophie.getByLabel("Nom de la clé d’accès").fill("Carte d’agent");
    await sophie.getByRole("button", { name: "Terminer" }).click();
    await sophie.getByRole("heading", { name: /^(Bienvenue, .*|Discussions)$/ }).first().waitFor();
    assert(!(await sophie.getByText("pas encore de code").count()), "the banner asks for a code all the same");
    const { passkeys } = await stored(sophie, "org.chappe.recovery.passkeys");
    assert(passkeys.length === 1 && passkeys[0].name === "Carte d’agent", JSON.stringify(passkeys));
    assert(Object.keys(passkeys[0]).sort().join() === "created_ts,data,id,iv,key_id,kind,name,rp_id,salt,used_ts,version", Object.keys(passkeys[0]).join());
  },
  async "an old message"() {
    karim = await arrive("Karim Haddad");
    await createRoom(sophie, ROOM, "Privée", ["Karim"]);
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await say(sophie, "La digue tient");
    await sees(karim, "La digue tient");
    await say(karim, "Bien reçu");
    await sees(sophie, "Bien reçu");
    await settings(sophie);
    await sophie.getByText(/lisible par vous seul\s:\s[2-9]\sclés\./).waitFor(); // what is in the backup outlives the device
  },
  async "on another device the passkey opens everything, without a code typed"() {
    await onAnotherDevice(sophie);
    await sophie.getByRole("button", { name: /Avec votre clé d’accès/ }).waitFor();
    assert(!(await sophie.getByRole("button", { name: /code de récupération/ }).count()), "a code is offered that nobody has");
    await look(sophie, "recovery-confirm");
    await sophie.getByRole("button", { name: /Avec votre clé d’accès/ }).click();
    await open(sophie);
    for (const text of ["La digue tient", "Bien reçu"]) await sees(sophie, text);
    assert(!(await sophie.getByText("Cet appareil n’est pas confirmé").count()), "the device is not confirmed");
    await settings(sophie);
    await row(sophie, "Carte d’agent").getByText(/utilisée le/).waitFor();
  },
  async "a passkey that says no opens nothing, and one can try again"() {
    await onAnotherDevice(sophie);
    await sophie.evaluate(() => {
      const { get } = navigator.credentials;
      navigator.credentials.get = async () => {
        navigator.credentials.get = get;
        throw new DOMException("the window was closed", "NotAllowedError");
      };
    });
    await sophie.getByRole("button", { name: "Je n’ai aucun de ces moyens" }).click();
    await sophie.getByRole("heading", { name: /Vous n’avez plus votre code/ }).waitFor();
    await look(sophie, "recovery-lost");
    await sophie.setViewportSize({ width: 360, height: 740 });
    await look(sophie, "recovery-lost-phone");
    await sophie.setViewportSize({ width: 1440, height: 900 });
    await sophie.getByRole("button", { name: /Utiliser cette clé, Carte d’agent/ }).click();
    await sophie.getByText(/annulée, ou elle a attendu/).waitFor();
    await sophie.getByRole("button", { name: /Utiliser cette clé, Carte d’agent/ }).click();
    await open(sophie);
    await sees(sophie, "La digue tient");
  },
  async "the last way back is not taken away"() {
    await settings(sophie);
    await row(sophie, "Carte d’agent").getByRole("button", { name: /^Retirer/ }).click();
    await sophie.getByRole("dialog").getByText("C’est votre dernier moyen").waitFor();
    await look(sophie, "recovery-last");
    await sophie.keyboard.press("Escape");
    await row(sophie, "Carte d’agent").getByRole("button", { name: /^Essayer/ }).click();
    await row(sophie, "Carte d’agent").getByText("Elle ouvre bien vos messages").waitFor();
    await look(sophie, "recovery-settings");
  },
  async "the code is written down later, and is that of the same key"() {
    await row(sophie, "Code de récupération").getByText("Aucun").waitFor();
    await row(sophie, "Code de récupération").getByRole("button", { name: "Créer mon code" }).click();
    sophie.code = (await sophie.getByTestId("code").innerText()).replace(/\s+/g, " ");
    await sophie.getByLabel(/J’ai rangé ce code/).check();
    await sophie.getByRole("button", { name: "Continuer" }).click();
    await sophie.getByLabel("Code de récupération").fill(sophie.code);
    await sophie.getByRole("button", { name: "Terminer" }).click();
    await settings(sophie);
    await row(sophie, "Code de récupération").getByText("Actif").waitFor();
    await row(sophie, "Carte d’agent").getByText("Active").waitFor();
  },
  async "another passkey is added once something has opened, and removed"() {
    await card.remove();
    await authenticator(sophie, { transport: "internal" });
    await sophie.getByRole("button", { name: "Ajouter une clé d’accès" }).click();
    await look(sophie, "recovery-unlock");
    await sophie.getByLabel("Code de récupération").fill("EsTc 1234");
    await sophie.keyboard.press("Enter");
    await sophie.getByText("Ce n’est pas un code complet").waitFor();
    await sophie.getByLabel("Code de récupération").fill(sophie.code);
    await sophie.keyboard.press("Enter");
    await sophie.getByRole("button", { name: "Créer ma clé d’accès" }).click();
    await sophie.getByLabel("Nom de la clé d’accès").fill("Ordinateur du bureau");
    await look(sophie, "recovery-name");
    await sophie.keyboard.press("Enter");
    await row(sophie, "Ordinateur du bureau").getByText("jamais utilisée").waitFor();
  },
  async "a new code: the passkeys are asked again, or wait to be"() {
    await row(sophie, "Code de récupération").getByRole("button", { name: "Le remplacer" }).click();
    const code = (await sophie.getByTestId("code").innerText()).replace(/\s+/g, " ");
    await sophie.getByLabel(/J’ai rangé ce code/).check();
    await sophie.getByRole("button", { name: "Continuer" }).click();
    await sophie.getByLabel("Code de récupération").fill(code);
    await sophie.getByRole("button", { name: "Terminer" }).click();
    await sophie.getByRole("heading", { name: /Vos clés d’accès ouvraient l’ancien code/ }).waitFor();
    await look(sophie, "recovery-renew");
    await sophie.getByRole("button", { name: "Réactiver Ordinateur du bureau" }).click();
    await sophie.getByRole("button", { name: "Réactiver Ordinateur du bureau" }).waitFor({ state: "detached" });
    await sophie.getByRole("button", { name: "Terminer" }).click();
    await settings(sophie);
    await row(sophie, "Ordinateur du bureau").getByText("Active").waitFor();
    await row(sophie, "Carte d’agent").getByText("À réactiver").waitFor();
    await row(sophie, "Carte d’agent").getByRole("button", { name: /^Retirer/ }).click();
    await sophie.getByRole("alertdialog").getByRole("button", { name: "Retirer" }).click();
    await row(sophie, "Carte d’agent").waitFor({ state: "detached" });
    const { passkeys } = await stored(sophie, "org.chappe.recovery.passkeys");
    assert(passkeys.length === 1 && passkeys[0].name === "Ordinateur du bureau", JSON.stringify(passkeys));
    sophie.code = code;
  },
  async "what a server puts in the place of the sealed key opens nothing, and is said"() {
    const login = await fetch(`${server}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: "sophie" }, password: sophie.password }) });
    const { access_token, user_id } = await login.json();
    const address = `${server}/_matrix/client/v3/user/${user_id}/account_data/org.chappe.recovery.passkeys`;
    const headers = { Authorization: `Bearer ${access_token}` };
    const good = await (await fetch(address, { headers })).json();
    const bad = { passkeys: [null, { version: 1, id: "A".repeat(20_000) }, { ...good.passkeys[0], name: "Échangée", data: Buffer.alloc(48).toString("base64") }] };
    const put = (content) => fetch(address, { method: "PUT", headers, body: JSON.stringify(content) });
    assert((await put(bad)).ok, "not put");
    await settings(sophie);
    await row(sophie, "Échangée").getByRole("button", { name: /^Essayer/ }).click();
    await sophie.getByText(/n’ouvre pas vos messages/).waitFor();
    await put(good);
    await row(sophie, "Ordinateur du bureau").getByRole("button", { name: /^Essayer/ }).click();
    await row(sophie, "Ordinateur du bureau").getByText("Elle ouvre bien vos messages").waitFor();
  },
  async "where all is lost, one begins anew alone; what was is closed, what comes is read"() {
    const anew = await signInAgain("karim", karim.password, { colorScheme: "dark", viewport: { width: 360, height: 740 } });
    await karim.context().close();
    await authenticator(anew);
    await anew.getByRole("button", { name: "Je n’ai aucun de ces moyens" }).click();
    await anew.getByRole("button", { name: "Recommencer sans mes anciens messages" }).click();
    await look(anew, "recovery-reset-phone");
    await anew.getByLabel("Pour continuer, écrivez votre nom").fill("karim haddad");
    await anew.getByRole("button", { name: "Recommencer", exact: true }).click();
    await anew.getByRole("heading", { name: /Comment rouvrir/ }).waitFor();
    await look(anew, "recovery-means-phone");
    await anew.getByRole("button", { name: "Créer ma clé d’accès" }).click();
    const [account] = await Promise.all([anew.context().waitForEvent("page"), anew.getByRole("link", { name: "Ouvrir la page de mon compte" }).click()]);
    await account.getByRole("button", { name: "Autoriser" }).click();
    await account.getByText("Revenez à l’application").waitFor();
    await account.close();
    await anew.getByRole("button", { name: "C’est fait, continuer" }).click();
    await anew.getByRole("heading", { name: "Votre clé d’accès est active" }).waitFor();
    await look(anew, "recovery-passkey-phone");
    await anew.getByRole("button", { name: "Terminer" }).click();
    await open(anew);
    await messages(anew).getByText("Message verrouillé").first().waitFor();
    await sophie.goto(`${server}/#/`);
    await open(sophie);
    await say(sophie, "De retour ?");
    await sees(anew, "De retour ?");
  },
});
