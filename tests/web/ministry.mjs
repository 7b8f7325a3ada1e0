// A ministry with every rule on: who proves an address is named by it, guests have a sponsor and an end, files are scanned, rooms are
// marked, and administrators see to it together.
import { act, ask, assert, attach, createRoom, look, messages, play, say, sees, server, until, visit } from "./stage.mjs";

const ADDRESS = "Adresse e-mail professionnelle";
const VIRUS = "X-CHAPPE-TEST-VIRUS-0123456789-X";
let sophie;
let karim;
let gaston;
let thief;

/** Signs up by an address, from the mail to the first screen. Nobody chooses a name. */
async function signUp(address, page) {
  page ??= await visit();
  if (!page.url().startsWith(server)) await page.goto(server);
  await page.getByLabel(ADDRESS).fill(address);
  await page.getByRole("button", { name: "Créer mon compte" }).click();
  await page.locator("#email").fill(address);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Consultez votre messagerie" }).waitFor();
  await page.goto(await ask("mail", address));
  await page.getByRole("button", { name: "Confirmer" }).click();
  await page.locator("#password").fill(`mot de passe de ${address}`);
  assert((await page.locator("#username").count()) === 0, "a user name is asked for");
  await page.keyboard.press("Enter");
  await settleIn(page);
  return page;
}

async function settleIn(page, says = "Votre nom vient de votre organisation") {
  await page.getByText(says).waitFor();
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.getByRole("button", { name: "Me le redemander plus tard" }).click();
  await page.getByRole("heading", { name: /^Bienvenue, / }).waitFor();
}

async function openRoom(page, name) {
  await page.goto(`${server}/#/`);
  await page.getByRole("link", { name: new RegExp(name) }).first().click();
  await page.getByRole("heading", { name, exact: true }).first().waitFor();
}

async function details(page, name) {
  await openRoom(page, name);
  await page.locator("main header").getByRole("button", { name: "Détails" }).first().click();
}

/** Confirms a sensitive action with a code of the second factor. */
async function withCode(page, who) {
  const dialog = page.getByRole("dialog").or(page.getByRole("alertdialog"));
  await dialog.getByLabel("Code de votre application").fill(await ask("code", `${who}-culture.example`));
  await dialog.getByRole("button", { name: "Confirmer" }).click();
}

/** Confirms on a page of the server what the client has asked for. */
async function confirmOnPage(page, address, what) {
  const opened = page.context().waitForEvent("page");
  await page.getByRole("link", { name: "Confirmer que c’est moi" }).click();
  const confirming = await opened;
  const [password, code] = [confirming.locator("#password"), confirming.locator("#code")];
  const confirm = confirming.getByRole("button", { name: "Confirmer" });
  const text = confirming.getByText(what);
  // who has signed in some time ago does so again, and shows their second factor where that has come since
  for (const [field, value] of [
    [password, async () => `mot de passe de ${address}`],
    [code, () => ask("code", address.replace("@", "-"))],
  ]) {
    await password.or(code).or(text).first().waitFor();
    if (!(await field.count())) continue;
    await field.fill(await value());
    await confirming.keyboard.press("Enter");
    await field.waitFor({ state: "detached" });
  }
  await text.waitFor();
  await confirm.click();
  await confirming.getByText("Vous pouvez revenir à l’application").waitFor();
  await confirming.close();
}

const admin = (page, view) => page.goto(`${server}/#/admin/culture/${view}`);

async function rowAction(page, text, action) {
  await page.getByRole("row").filter({ hasText: text }).getByRole("button", { name: "Actions" }).click();
  await page.getByRole("menuitem", { name: action, exact: true }).click();
}

await play({
  async "two officials sign up with their professional address, and are named by it"() {
    sophie = await signUp("sophie.lambert@culture.example");
    karim = await signUp("karim.benali@culture.example");
    await sophie.getByText("Sophie Lambert").first().waitFor();
    await look(sophie, "ministry-home");
  },
  async "an address that is nobody's leads nowhere, a guest's does only once invited"() {
    const stranger = await visit();
    await stranger.goto(server);
    await stranger.getByLabel(ADDRESS).fill("someone@elsewhere.example");
    await stranger.getByRole("button", { name: "Créer mon compte" }).click();
    await stranger.locator("#email").fill("someone@elsewhere.example");
    await stranger.keyboard.press("Enter");
    await stranger.getByRole("heading", { name: "Consultez votre messagerie" }).waitFor();
    await stranger.goto(await ask("mail", "someone@elsewhere.example"));
    await stranger.getByRole("button", { name: "Confirmer" }).click();
    await stranger.getByText(/quand un agent vous aura invité/).waitFor();
    assert((await stranger.locator("#password").count()) === 0, "a password is thought of for nothing");
    await look(stranger, "no-access");
    await stranger.context().close();
  },
  async "an official invites a guest, with a purpose and an end"() {
    await createRoom(sophie, "Travaux du musée", "Ouverte");
    await say(sophie, "Bienvenue aux entreprises");
    await sees(sophie, "Bienvenue aux entreprises");
    await sophie.locator("main header").getByRole("button", { name: "Membres" }).first().click();
    await sophie.getByRole("button", { name: "Inviter", exact: true }).click();
    const dialog = sophie.getByRole("dialog");
    const go = dialog.getByRole("button", { name: /^Inviter/ });
    await dialog.getByText("Choisissez une personne").waitFor();
    assert((await go.getAttribute("aria-disabled")) === "true", "nobody is invited");
    await dialog.getByLabel("Membres").fill("gaston@lagaffe.example"); // and nothing else: no Enter
    await dialog.getByText("est une personne extérieure").waitFor();
    await dialog.getByText("Il manque le motif").waitFor();
    await go.click({ force: true }); // grey: it says what is missing, and does nothing
    await dialog.getByLabel("Motif").fill("Lot électricité");
    await dialog.getByText("Il manque le motif").waitFor({ state: "detached" });
    await look(sophie, "invite-guest");
    await go.click();
    await dialog.waitFor({ state: "detached" });
    await sophie.getByText("Invitation envoyée à gaston@lagaffe.example").waitFor();
    const awaited = sophie.getByRole("region", { name: "Attendus, par e-mail" });
    for (const said of ["gaston@lagaffe.example", "Invité par Sophie Lambert", "Motif : Lot électricité", /^Accès jusqu’au/]) await awaited.getByText(said).first().waitFor();
    await look(sophie, "guest-awaited");
    await ask("mail", "gaston@lagaffe.example");
    await awaited.getByRole("button", { name: /^Renvoyer/ }).click();
    await sophie.getByText("Invitation renvoyée à gaston@lagaffe.example").waitFor();
  },
  async "an invitation is taken back: its link says so"() {
    await sophie.getByRole("button", { name: "Inviter", exact: true }).click();
    const dialog = sophie.getByRole("dialog");
    await dialog.getByLabel("Membres").fill("erreur@lagaffe.example");
    await dialog.getByLabel("Motif").fill("Rien");
    await dialog.getByRole("button", { name: /^Inviter 1/ }).click();
    await dialog.waitFor({ state: "detached" });
    const row = sophie.getByRole("region", { name: "Attendus, par e-mail" }).getByRole("listitem").filter({ hasText: "erreur@lagaffe.example" });
    await row.getByRole("button", { name: /^Retirer l’invitation/ }).click();
    await sophie.getByRole("alertdialog").getByRole("button", { name: "Retirer l’invitation" }).click();
    await row.waitFor({ state: "detached" });
    const stranger = await visit();
    await stranger.goto(await ask("mail", "erreur@lagaffe.example"));
    await stranger.getByRole("heading", { name: "Cette invitation n’est plus valable" }).waitFor();
    await look(stranger, "invitation-withdrawn");
    await stranger.context().close();
  },
  async "the guest comes by the mail, and may do what guests may"() {
    gaston = await visit();
    const link = await ask("mail", "gaston@lagaffe.example");
    await gaston.goto(link);
    await gaston.getByRole("heading", { name: "Sophie Lambert (Culture) vous invite" }).waitFor();
    for (const said of ["Travaux du musée", "Lot électricité", "Accès jusqu’au", "gaston@lagaffe.example"]) await gaston.getByText(said).first().waitFor();
    await look(gaston, "invitation");
    await gaston.getByRole("button", { name: "Créer mon compte" }).click();
    await gaston.getByText("Lot électricité").waitFor();
    assert((await gaston.locator("#email").count()) === 0, "the address is asked for again");
    await gaston.locator("#password").fill("mot de passe de gaston");
    await look(gaston, "invitation-password");
    await gaston.keyboard.press("Enter");
    await settleIn(gaston, "dites-le à la personne qui vous a invité");
    const again = await gaston.context().newPage();
    await again.goto(link);
    await again.getByRole("heading", { name: "Vous avez déjà un compte" }).waitFor();
    await again.goto(link.replace(/.{9}$/, ""));
    await again.getByRole("heading", { name: "Ce lien n’est pas le bon" }).waitFor();
    await look(again, "invitation-foreign");
    await again.close();
    await gaston.getByText("Vous êtes invité").waitFor();
    assert((await gaston.getByRole("button", { name: "Nouvelle discussion" }).count()) === 0, "a guest may make rooms");
    assert((await gaston.getByRole("link", { name: "Forums" }).count()) === 0, "a guest sees forums");
    await gaston.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await say(gaston, "Bonjour, ici l’entreprise");
    await sees(sophie, "Bonjour, ici l’entreprise");
    await messages(sophie).getByText("Invité externe").first().waitFor();
    await look(sophie, "guest-speaks");
    await sophie.getByRole("complementary").getByRole("button", { name: /Gaston/ }).first().click();
    for (const said of ["Sophie Lambert", "Lot électricité", "gaston@lagaffe.example"]) await sophie.getByRole("complementary").getByText(said).first().waitFor();
    assert((await sophie.getByRole("complementary").getByRole("combobox").count()) === 0, "a guest is offered a role");
    await look(sophie, "guest-card");
    await look(gaston, "guest-home");
  },
  async "a virus in an encrypted room is stopped, a clean file is not"() {
    await attach(sophie, { name: "facture.doc", mimeType: "application/msword", buffer: Buffer.from(`facture ${VIRUS}`) });
    for (const page of [sophie, gaston]) await messages(page).getByText("Fichier bloqué par l’antivirus").waitFor();
    await look(sophie, "virus-stopped");
    await attach(sophie, { name: "plan.pdf", mimeType: "application/pdf", buffer: Buffer.from("%PDF-1.4 plan") });
    await messages(gaston).getByRole("button", { name: "Télécharger plan.pdf" }).waitFor();
  },
  async "the room is closed to guests again, with a list of what they could read"() {
    await details(sophie, "Travaux du musée");
    await sophie.getByRole("button", { name: "Refermer aux invités externes" }).click();
    await look(sophie, "close-to-guests");
    await sophie.getByRole("alertdialog").getByRole("button", { name: "Refermer", exact: true }).click();
    await sophie.getByRole("heading", { name: "La discussion est refermée" }).waitFor();
    await sophie.getByRole("dialog").getByText(/messages depuis le/).waitFor();
    await look(sophie, "closed-report");
    await sophie.getByRole("dialog").getByRole("button", { name: "Fermer", exact: true }).last().click();
    await gaston.getByRole("link", { name: /Travaux du musée/ }).first().waitFor({ state: "detached" });
  },
  async "the guest's account is ended, and extended in one click"() {
    await sophie.goto(`${server}/#/settings/guests`);
    await sophie.getByText("Lot électricité").waitFor();
    await look(sophie, "my-guests");
    await sophie.getByRole("button", { name: /^Mettre fin/ }).click();
    await sophie.getByRole("alertdialog").getByRole("button", { name: "Mettre fin" }).click();
    await sophie.getByText(/^Terminé le/).waitFor();
    await gaston.getByRole("heading", { name: "Votre compte a expiré" }).waitFor();
    await gaston.getByText("La personne qui vous a invité peut le prolonger").waitFor();
    await look(gaston, "guest-ended");
    await sophie.getByRole("button", { name: /^Prolonger/ }).click();
    await sophie.getByText(/^Jusqu’au/).waitFor();
    await gaston.context().close();
  },
  async "an account expires and is renewed from the mail"() {
    await ask("state", "karim.benali-culture.example expired");
    await karim.getByRole("heading", { name: "Votre compte a expiré" }).waitFor();
    await look(karim, "expired-renew");
    await karim.getByRole("button", { name: "Recevoir le message" }).click();
    await karim.getByText("Le message est parti").waitFor();
    const mail = await visit();
    await mail.goto(await ask("mail", "karim.benali@culture.example"));
    await mail.getByText("Votre compte est confirmé").waitFor();
    await mail.context().close();
    const inside = karim.getByRole("heading", { name: /^(Bienvenue|Discussions)/ }).first();
    await karim.getByRole("button", { name: "Réessayer" }).or(inside).first().waitFor();
    await karim.getByRole("button", { name: "Réessayer" }).click({ timeout: 2000 }).catch(() => {});
    await inside.waitFor();
  },
  async "a room is marked: it says so, for how long it keeps what is said, and passes nothing on"() {
    await sophie.goto(`${server}/#/`);
    await createRoom(sophie, "Note sensible", "Privée", ["karim"]);
    await say(sophie, "Le projet de décret");
    await sees(sophie, "Le projet de décret");
    await details(sophie, "Note sensible");
    await sophie.getByLabel("Classification").selectOption("restricted");
    await sophie.locator("main header").getByText("Diffusion restreinte").waitFor();
    await sophie.getByText("Les messages sont supprimés après 30 jours").waitFor();
    await look(sophie, "marked-room");
    await messages(sophie).getByRole("article").filter({ hasText: "Le projet de décret" }).last().hover();
    await messages(sophie).getByRole("button", { name: "Plus d’actions", exact: true }).last().click();
    await sophie.getByRole("menuitem").first().waitFor();
    assert((await sophie.getByRole("menuitem", { name: "Transférer" }).count()) === 0, "a marked message can be passed on");
    await sophie.keyboard.press("Escape");
    await sophie.getByTestId("file").first().setInputFiles({ name: "tout.zip", mimeType: "application/zip", buffer: Buffer.from("PK") });
    await sophie.getByText("n’admet pas ce type de fichier").waitFor();
    await sophie.getByRole("button", { name: "Ne pas envoyer tout.zip" }).click();
  },
  async "the last administrator leaves: somebody else looks after the room"() {
    await karim.goto(`${server}/#/`);
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await karim.getByRole("heading", { name: "Note sensible", exact: true }).first().waitFor();
    await details(sophie, "Note sensible");
    await sophie.getByRole("button", { name: "Quitter la discussion" }).click();
    await sophie.getByRole("alertdialog").getByRole("button", { name: "Quitter" }).click();
    await details(karim, "Note sensible");
    await karim.getByRole("button", { name: "Modifier" }).waitFor();
  },
  async "two administrators see to their organisation"() {
    for (const name of ["sophie.lambert", "karim.benali"]) await ask("state", `${name}-culture.example administers-culture`);
    for (const page of [sophie, karim]) await page.reload();
    await sophie.getByRole("link", { name: "Gestion" }).click();
    await sophie.getByRole("heading", { name: "Vue d’ensemble" }).waitFor();
    await sophie.getByRole("link", { name: "Personnes", exact: true }).click();
    await sophie.getByRole("heading", { name: "Personnes" }).waitFor();
    await sophie.getByText("Karim Benali").first().waitFor();
    await look(sophie, "admin-people");
    await sophie.getByRole("button", { name: /Karim Benali/ }).first().click();
    await sophie.getByRole("dialog").getByText("karim.benali@culture.example").first().waitFor();
    await look(sophie, "admin-person");
    await sophie.keyboard.press("Escape");
    for (const view of ["leavers", "former", "guests", "functions", "rooms", "files", "reports", "alerts", "announcements", "statistics", "requests", "exports", "holds", "administrators", "audit"]) {
      await admin(sophie, view);
      await sophie.locator("main table, main .empty").first().waitFor();
      await look(sophie, `admin-${view}`);
    }
    await admin(sophie, "files");
    await sophie.getByText(/Menace reconnue\s: Chappe\.Test/).first().waitFor();
  },
  async "what is critical waits for a second person"() {
    await admin(sophie, "rooms"); // whoever a package is about is not told of it: a room's is agreed to
    await rowAction(sophie, "Note sensible", "Archiver");
    await sophie.getByText("un autre gestionnaire doit donner son accord").waitFor();
    await look(sophie, "admin-critical");
    await sophie.getByRole("button", { name: "Demander l’accord d’un collègue" }).click();
    await sophie.getByText("La demande attend l’accord").waitFor();
    await admin(sophie, "requests");
    await sophie.getByRole("row").filter({ hasText: "Archiver" }).filter({ hasText: "Note sensible" }).getByText("En attente").waitFor();
    await sophie.getByRole("row").filter({ hasText: "Archiver" }).getByRole("button", { name: "Actions" }).click();
    await sophie.getByRole("menuitem", { name: "Retirer ma demande" }).waitFor();
    assert((await sophie.getByRole("menuitem", { name: "Donner mon accord" }).count()) === 0, "one may agree with oneself");
    await sophie.keyboard.press("Escape");
    await admin(karim, "requests");
    await karim.getByRole("row").filter({ hasText: "Archiver" }).waitFor();
    await look(karim, "admin-request");
    await rowAction(karim, "Archiver", "Donner mon accord");
    await karim.getByText("ajoutez d’abord un second facteur").waitFor();
    const link = karim.getByRole("link", { name: "Ajouter un second facteur" });
    assert((await link.getAttribute("href")) === "/account/second-factor", "nothing leads to where a second factor is added");
    await ask("code", "karim.benali-culture.example");
    await karim.reload();
    await rowAction(karim, "Archiver", "Donner mon accord");
    const agreement = karim.getByRole("dialog").or(karim.getByRole("alertdialog"));
    for (const each of ["Archiver", "Note sensible", "Demandé par Sophie Lambert"]) await agreement.getByText(each).first().waitFor();
    await look(karim, "admin-agree");
    await agreement.getByLabel("Code de votre application").fill("000000");
    await agreement.getByRole("button", { name: "Confirmer" }).click();
    await agreement.getByText("Ce code n’est pas le bon").waitFor();
    await withCode(karim, "karim.benali");
    await karim.getByText("C’est fait.").waitFor();
    await admin(sophie, "exports");
    await until("the export is ready", async () => {
      await sophie.goto(`${server}/#/admin/culture/holds`);
      await admin(sophie, "exports");
      await sophie.locator("main table").waitFor();
      return sophie.getByText("Prêt").count();
    });
    const [download] = await Promise.all([sophie.waitForEvent("download"), rowAction(sophie, "Prêt", "Télécharger")]);
    assert(download.suggestedFilename().endsWith(".zip"), download.suggestedFilename());
    await admin(sophie, "audit");
    await sophie.getByText("Accord de").first().waitFor();
    await look(sophie, "admin-audit-filled");
  },
  async "a duty account is made, taken and handed back"() {
    await ask("code", "sophie.lambert-culture.example");
    await sophie.reload();
    await admin(sophie, "functions");
    await sophie.getByRole("button", { name: "Nouveau compte de fonction" }).click();
    const dialog = sophie.getByRole("dialog");
    await dialog.getByLabel("Nom affiché").fill("Permanence du cabinet");
    await dialog.getByLabel("Nom", { exact: true }).fill("permanence-cabinet");
    await look(sophie, "admin-new-post");
    await dialog.getByRole("button", { name: "Confirmer" }).click();
    await sophie.getByText("Permanence du cabinet").first().waitFor();
    await rowAction(sophie, "Permanence du cabinet", "Choisir qui peut le tenir");
    await sophie.getByRole("dialog").getByLabel("Qui peut le tenir").fill("karim");
    await sophie.getByRole("dialog").getByRole("listbox", { name: "Personnes trouvées" }).getByRole("option").first().click();
    await withCode(sophie, "sophie.lambert");
    await sophie.getByRole("dialog").waitFor({ state: "detached" });
    await karim.goto(`${server}/#/settings/posts`);
    await karim.getByText("Personne ne le tient").waitFor();
    await look(karim, "my-posts");
    await karim.getByRole("button", { name: /^Prendre/ }).click();
    await karim.getByRole("alertdialog").getByRole("button", { name: "Prendre" }).click();
    await confirmOnPage(karim, "karim.benali@culture.example", "prendre un compte de fonction");
    await karim.getByRole("button", { name: "J’ai confirmé : prendre le compte" }).click();
    const named = karim.getByLabel("Votre nom"); // the first step of the post, which nobody has held
    await named.waitFor();
    assert((await named.inputValue()) === "Permanence du cabinet", "the browser is not signed in as the post");
    await sophie.reload();
    await sophie.getByText("Karim Benali").first().waitFor();
  },
  async "a ministry joins: one form, and its people sign up at once"() {
    await ask("state", "sophie.lambert-culture.example root");
    await sophie.reload();
    await sophie.goto(`${server}/#/admin/all/organisations`);
    await sophie.getByRole("button", { name: "Ajouter ou modifier une organisation" }).click();
    const dialog = sophie.getByRole("dialog");
    await dialog.getByLabel("Nom", { exact: true }).fill("sports");
    await dialog.getByLabel("Libellé affiché").fill("Sports");
    await dialog.getByLabel("Serveur").fill("localhost");
    await dialog.getByLabel("Domaines et adresses, un par ligne").fill("sports.example\n*.sports.example");
    await dialog.getByLabel(/^Couleur/).fill("#7a1f5c");
    await look(sophie, "admin-new-organisation");
    await withCode(sophie, "sophie.lambert");
    await sophie.getByText("*.sports.example").first().waitFor();
    await dialog.waitFor({ state: "detached" });
    await look(sophie, "admin-organisations");
    thief = await signUp("remi.roux@judo.sports.example");
    await thief.getByText("Sports").first().waitFor();
    const colour = await thief.evaluate(() => document.documentElement.style.getPropertyValue("--brand"));
    assert(colour === "#7a1f5c", `the organisation's colour is ${colour}`);
  },
  async "a stolen account that reads everything is slowed, must sign in again, and administrators see it"() {
    const token = new Promise((found) => thief.on("request", (request) => request.headers().authorization && found(request.headers().authorization)));
    await thief.reload();
    const authorization = await token;
    const statuses = await thief.evaluate(async (authorization) => {
      const seen = [];
      for (let n = 0; n < 60 && seen.at(-1) !== 401; n += 1) {
        const answer = await fetch("/_matrix/client/v3/user_directory/search", {
          method: "POST", headers: { authorization, "content-type": "application/json" }, body: JSON.stringify({ search_term: `a${n}` }),
        });
        seen.push(answer.status);
      }
      return seen;
    }, authorization);
    assert(statuses.at(-1) === 401, `nobody stopped it: ${statuses.length} searches`);
    await thief.getByText(/onfirmez que c’est bien vous/).waitFor();
    await sophie.goto(`${server}/#/admin/all/alerts`);
    await sophie.getByText("Reconnexion exigée").first().waitFor();
    await look(sophie, "admin-alerts-filled");
  },
  async "on a phone, too"() {
    await sophie.setViewportSize({ width: 390, height: 844 });
    for (const view of ["people", "rooms", "audit", "requests"]) {
      await admin(sophie, view);
      await sophie.locator("main table, main .empty").first().waitFor();
      await look(sophie, `phone-admin-${view}`);
    }
    await sophie.goto(`${server}/#/admin/culture`);
    await sophie.getByRole("link", { name: "Journal" }).waitFor();
    await look(sophie, "phone-admin-menu");
    await sophie.goto(`${server}/#/settings/guests`);
    await sophie.getByText("Lot électricité").waitFor();
    await look(sophie, "phone-my-guests");
  },
});
