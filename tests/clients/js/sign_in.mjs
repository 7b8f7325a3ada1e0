// A person at a real Chromium: sign in by password, with a second factor, with a passkey, by a provider, by a code for a device;
// consent, a forgotten password, a session revoked; every page without an accessibility fault, in French and on a phone.
// usage: node sign_in.mjs SERVER CONTROL   (CONTROL: the test's own little server, which reads mails and makes codes)
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { initAsync, QrCodeData, QrCodeIntent } from "@matrix-org/matrix-sdk-crypto-wasm";
import { createClient } from "matrix-js-sdk";
import { OAuth2 } from "matrix-js-sdk/lib/oauth/index.js";
import { MSC4108RendezvousSession, MSC4108SecureChannel } from "matrix-js-sdk/lib/rendezvous/index.js";
import { chromium } from "playwright-core";

const [server, control, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const checked = new Set();

function assert(condition, what) {
  if (!condition) throw new Error(what);
}

async function visit(options = {}) {
  const context = await browser.newContext({ locale: "fr-FR", bypassCSP: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return page;
}

async function look(page, name) {
  await page.addScriptTag({ content: axe });
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
  assert(!violations.length, `${name}: ${violations.map((v) => `${v.id} ${v.nodes[0].html}`).join("; ")}`);
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
  const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert(width <= 0, `${name}: wider than the screen`);
  checked.add(name);
}

async function ask(what, value) {
  const answer = await fetch(`${control}/${what}/${encodeURIComponent(value)}`);
  return await answer.text();
}

async function signIn(page, user, password) {
  await page.getByLabel("Adresse électronique ou identifiant").fill(user);
  await page.getByLabel("Mot de passe").fill(password);
  await page.keyboard.press("Enter"); // no mouse is needed
}

const registration = {
  client_name: "Client d'essai", client_uri: `${server}/`, redirect_uris: [`${server}/health`], application_type: "web",
  grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  response_types: ["code"], token_endpoint_auth_method: "none",
};

async function client() {
  const answer = await fetch(`${server}/oauth2/registration`, { method: "POST", body: JSON.stringify(registration) });
  return (await answer.json()).client_id;
}

async function post(path, form) {
  const answer = await fetch(server + path, { method: "POST", body: new URLSearchParams(form) });
  return await answer.json();
}

// ---------------------------------------------------------------------------------------------- password and consent
const clientId = await client();
const verifier = randomBytes(40).toString("base64url");
const challenge = createHash("sha256").update(verifier).digest("base64url");
const authorize = (device) => `${server}/oauth2/authorize?` + new URLSearchParams({
  response_type: "code", client_id: clientId, redirect_uri: `${server}/health`, state: "s",
  scope: `urn:matrix:client:api:* urn:matrix:client:device:${device}`, code_challenge: challenge, code_challenge_method: "S256",
});

async function grant(page) {
  await page.getByRole("button", { name: "Autoriser" }).click();
  await page.waitForURL(/\/health\?/);
  const code = new URL(page.url()).searchParams.get("code");
  const tokens = await post("/oauth2/token", {
    grant_type: "authorization_code", client_id: clientId, code, redirect_uri: `${server}/health`, code_verifier: verifier,
  });
  assert(tokens.access_token, JSON.stringify(tokens));
  return tokens;
}

async function whoami(token) {
  return await fetch(`${server}/_matrix/client/v3/account/whoami`, { headers: { Authorization: `Bearer ${token}` } });
}

let page = await visit({ viewport: { width: 360, height: 740 } });
await page.goto(authorize("PHONEAAAAA"));
await look(page, "sign in, phone");
await signIn(page, "alice", "wrong");
await page.getByRole("alert").waitFor();
await look(page, "wrong password, phone");
await signIn(page, "alice", "correct horse");
await page.getByRole("heading", { name: "Autoriser Client d'essai ?" }).waitFor();
await look(page, "consent, phone");
const phone = await grant(page);
assert((await (await whoami(phone.access_token)).json()).device_id === "PHONEAAAAA", "another device");
console.log("signed in by password, with consent");

// ------------------------------------------------------------------------------- the account page; a session is revoked
await page.setViewportSize({ width: 1280, height: 800 });
await page.goto(`${server}/account`);
await look(page, "account");
await page.getByRole("link", { name: "Déconnecter Client d'essai" }).click();
await look(page, "revoke");
await page.getByRole("button", { name: "Déconnecter" }).click();
await page.getByText("Client d'essai est déconnecté").waitFor();
assert((await whoami(phone.access_token)).status === 401, "the token still works");
console.log("revoked a session");

// ---------------------------------------------------------------------------------------------------- second factors
await page.goto(`${server}/account/second-factor`);
await look(page, "second factor");
await page.getByLabel("Code").fill(await ask("totp", await page.locator("#secret").innerText()));
await page.keyboard.press("Enter");
await page.getByRole("heading", { name: "Vos codes de secours" }).waitFor();
await look(page, "recovery codes");
const recovery = await page.locator(".codes li").first().innerText();
const keys = await page.context().newCDPSession(page);
await keys.send("WebAuthn.enable");
await keys.send("WebAuthn.addVirtualAuthenticator", { options: {
  protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
} });
await page.goto(`${server}/account/passkeys`);
await look(page, "passkey");
await page.getByLabel("Nom de la clé").fill("Ordinateur");
await page.getByRole("button", { name: "Ajouter une clé d’accès" }).click();
await page.getByText("Ordinateur").waitFor();
await page.getByRole("button", { name: "Se déconnecter" }).click();
await page.getByRole("link", { name: "Se connecter" }).click();
await signIn(page, "alice", "correct horse");
await page.getByRole("heading", { name: "Deuxième étape" }).waitFor();
await look(page, "second step");
await page.getByRole("button", { name: "Utiliser une clé d’accès" }).click();
await page.getByRole("heading", { name: "Mon compte" }).waitFor();
console.log("signed in with a passkey");
page = await visit();
await page.goto(`${server}/login`);
await signIn(page, "alice", "correct horse");
await page.getByLabel("Code").fill(recovery);
await page.keyboard.press("Enter");
await page.getByRole("heading", { name: "Mon compte" }).waitFor();
console.log("signed in with a recovery code");

// ------------------------------------------------- by QR code: matrix-js-sdk at both ends of the rendezvous, then the grant
await initAsync();
const sdk = createClient({ baseUrl: server });
const metadata = await sdk.getAuthMetadata();
const oauth = new OAuth2(metadata, { clientId: await OAuth2.registerClient(metadata, registration), deviceId: "TABLETAAAA" });
const shown = new MSC4108RendezvousSession({ client: sdk, fallbackRzServer: server });
await shown.send(""); // opens it
const here = new MSC4108SecureChannel(shown);
const code = QrCodeData.fromBytes(await here.generateCode(QrCodeIntent.Login));
const scanned = new MSC4108RendezvousSession({ url: code.rendezvousUrl });
await scanned.receive();
const there = new MSC4108SecureChannel(scanned, code.publicKey);
await Promise.all([here.connect(), there.connect()]);
assert(here.getCheckCode() === there.getCheckCode(), "the check codes differ");
const waiting = await oauth.startDeviceAuthorizationGrant();
await here.secureSend({ type: "m.login.protocol", device_authorization_grant: { verification_uri_complete: waiting.verification_uri_complete } });
const told = await there.secureReceive();
await page.goto(told.device_authorization_grant.verification_uri_complete);
await look(page, "link a device");
await page.getByRole("button", { name: "Autoriser" }).click();
await page.getByText("l’appareil est connecté").waitFor();
const tablet = await oauth.waitForDeviceAuthorizationGrant(waiting);
assert((await (await whoami(tablet.access_token)).json()).device_id === "TABLETAAAA", "no tablet");
const refreshed = await oauth.performRefreshTokenGrant(tablet.refresh_token);
await oauth.revokeToken(refreshed.access_token, "access_token");
assert((await whoami(refreshed.access_token)).status === 401, "the token still works");
console.log("signed in a device by QR code");

// --------------------------------------------------------- by a client's own code: matrix-js-sdk's authorisation code grant
const own = new OAuth2(metadata, { clientId: oauth.context.clientId, deviceId: "WEBAAAAAAA" });
await page.goto(await own.generateAuthorizationCodeGrantUrl("state", `${server}/health`, "query"));
await page.getByRole("button", { name: "Autoriser" }).click();
await page.waitForURL(/\/health\?/);
const web = await own.completeAuthorizationCodeGrant(new URL(page.url()).searchParams.get("code"), `${server}/health`);
assert((await (await whoami(web.access_token)).json()).device_id === "WEBAAAAAAA", "no web session");
console.log("signed in with matrix-js-sdk");

// ------------------------------------------------------------------------------------------------ forgotten password
page = await visit({ javaScriptEnabled: true, colorScheme: "dark" });
await page.goto(`${server}/login`);
await look(page, "sign in, dark");
await page.getByRole("link", { name: "Mot de passe oublié ?" }).click();
await page.getByLabel("Adresse électronique").fill("bob@example.org");
await look(page, "forgotten password");
await page.getByRole("button", { name: "Recevoir un lien" }).click();
await page.getByRole("heading", { name: "Consultez votre messagerie" }).waitFor();
await page.goto(await ask("mail", "bob@example.org"));
await look(page, "confirm address");
await page.getByRole("button", { name: "Confirmer" }).click();
await page.getByLabel("Nouveau mot de passe").fill("nouveau mot de passe");
await look(page, "new password");
await page.keyboard.press("Enter");
await page.getByText("Votre mot de passe a changé").waitFor();
await page.goto(`${server}/login`);
await signIn(page, "bob@example.org", "nouveau mot de passe");
await page.getByRole("heading", { name: "Mon compte" }).waitFor();
console.log("reset a password by mail");

// --------------------------------------------------------------------------------------------------- by a provider
page = await visit();
await page.goto(authorize("OIDCAAAAAA"));
await page.getByRole("link", { name: "Continuer avec ProConnect" }).click();
await page.locator("[name=login]").fill("zoe");
await page.locator("[name=password]").fill("x");
await page.keyboard.press("Enter");
await page.getByRole("button", { name: "Continue" }).click();
await page.getByRole("heading", { name: "Autoriser Client d'essai ?" }).waitFor();
const provided = await grant(page);
assert((await (await whoami(provided.access_token)).json()).user_id === "@zoe:localhost", "somebody else");
console.log("signed in by a provider");

// ------------------------------------------------------------------------------------------- without JavaScript, in English
page = await visit({ javaScriptEnabled: false, locale: "en-GB" });
await page.goto(authorize("PLAINAAAAA"));
await page.getByLabel("E-mail address or user name").fill("bob");
await page.getByLabel("Password").fill("nouveau mot de passe");
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("heading", { name: "Allow Client d'essai?" }).waitFor();
console.log("signed in without JavaScript");

await browser.close();
console.log(`${checked.size} pages looked at`);
console.log("PLAY THE END");
process.exit(0); // the rendezvous sessions wait for their end
