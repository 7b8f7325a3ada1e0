// Two people register, meet, write and send files encrypted, verify each other; one signs in on a second device and restores.
import { act, arrive, assert, attach, createRoom, look, messages, play, say, sees, server, signInAgain, visit } from "./stage.mjs";

let sophie;
let karim;
let second;

await play({
  async "the sign-in page says what to do about each mistake"() {
    const page = await visit();
    await page.goto(server);
    await page.getByRole("button", { name: "Continuer" }).click();
    await page.getByText("Écrivez votre adresse professionnelle").waitFor();
    await page.getByLabel("Adresse e-mail professionnelle").fill("a b");
    await page.getByRole("button", { name: "Continuer" }).click();
    await page.getByText("Cette adresse n’est pas complète").waitFor();
    await look(page, "sign-in");
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.context().close();
  },
  async "two people register and keep their recovery codes"() {
    sophie = await arrive("Sophie Lambert [Préfecture du Rhône]");
    karim = await arrive("Karim Haddad [Hôpital Sud]");
    await look(sophie, "welcome");
  },
  async "one finds the other and writes; the other accepts"() {
    await createRoom(sophie, "", "Message direct", ["Karim"]);
    await say(sophie, "Bonjour Karim");
    await sees(sophie, "Bonjour Karim");
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await sees(karim, "Bonjour Karim");
    await say(karim, "Bonjour **Sophie**");
    await messages(sophie).locator("strong", { hasText: "Sophie" }).waitFor();
    await look(sophie, "direct");
  },
  async "an encrypted file goes from one to the other"() {
    await attach(sophie, { name: "releves.csv", mimeType: "text/csv", buffer: Buffer.from("a;b\n1;2\n") });
    await sees(karim, "releves.csv");
    const [download] = await Promise.all([karim.waitForEvent("download"), karim.getByRole("button", { name: "Télécharger releves.csv" }).click()]);
    const stream = await download.createReadStream();
    const parts = [];
    for await (const each of stream) parts.push(each);
    assert(Buffer.concat(parts).toString() === "a;b\n1;2\n", "the file arrived changed");
  },
  async "they verify each other by emoji"() {
    await sophie.getByRole("button", { name: "Hôpital Sud" }).first().click();
    await sophie.getByRole("button", { name: "Confirmer son identité" }).click();
    await karim.getByRole("button", { name: "Voir la demande" }).click();
    await karim.getByRole("button", { name: "Commencer" }).click();
    await look(sophie, "verify-choose");
    await sophie.getByRole("button", { name: "Comparer des images" }).click();
    const pictures = async (page) => (await page.getByRole("list", { name: "Les sept images" }).innerText()).trim();
    const [hers, his] = [await pictures(sophie), await pictures(karim)];
    assert(hers === his && hers.split("\n").length >= 7, `not the same pictures: ${hers} / ${his}`);
    await look(sophie, "verify-emoji");
    for (const page of [sophie, karim]) await page.getByRole("button", { name: "Oui, ce sont les mêmes" }).click();
    for (const page of [sophie, karim]) {
      await page.getByText("Identité confirmée.").waitFor();
      await page.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
    }
    await sophie.getByRole("complementary").getByText("Identité confirmée").waitFor();
    await look(sophie, "person");
  },
  async "on a second device old messages are locked, until the code opens them"() {
    second = await signInAgain("sophie", sophie.password);
    await look(second, "confirm");
    await second.getByRole("button", { name: "Plus tard" }).click();
    await second.getByRole("link", { name: /Karim Haddad/ }).click();
    await second.getByText("Message verrouillé sur cet appareil").first().waitFor();
    await look(second, "locked");
    await second.getByRole("button", { name: "Confirmer" }).first().click();
    await second.getByRole("button", { name: /code de récupération/ }).click();
    await second.getByLabel("Code de récupération").fill("EsT7 kQ2w 9VbN");
    await second.getByRole("button", { name: "Ouvrir mes messages" }).click();
    await second.getByText("Ce n’est pas un code complet").waitFor();
    await look(second, "code-wrong");
    await second.getByLabel("Code de récupération").fill(`  ${sophie.code.toString().replaceAll(" ", "-")} `);
    await second.getByRole("button", { name: "Ouvrir mes messages" }).click();
    await second.getByRole("link", { name: /Karim Haddad/ }).click();
    await sees(second, "Bonjour Karim");
    await say(second, "Depuis mon autre appareil");
    await sees(karim, "Depuis mon autre appareil");
  },
  async "a third device is confirmed by the first one"() {
    const third = await signInAgain("sophie", sophie.password);
    await third.getByRole("button", { name: /Avec un autre de vos appareils/ }).click();
    await sophie.getByRole("button", { name: "Voir la demande" }).click();
    await sophie.getByRole("button", { name: "Commencer" }).click();
    await sophie.getByRole("button", { name: "Comparer des images" }).click();
    await third.getByRole("list", { name: "Les sept images" }).waitFor();
    await look(third, "confirm-emoji");
    for (const page of [sophie, third]) await page.getByRole("button", { name: "Oui, ce sont les mêmes" }).click();
    await third.getByRole("link", { name: /Karim Haddad/ }).click();
    await sees(third, "Bonjour Karim");
    await third.context().close();
    await sophie.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
  },
  async "the network goes and comes back: what was written leaves then"() {
    await sophie.context().setOffline(true);
    await sophie.getByText("Hors connexion. Vos messages partiront").waitFor();
    await say(sophie, "Écrit sans réseau");
    await say(sophie, "Et la suite");
    await look(sophie, "offline");
    await sophie.waitForTimeout(3000); // the first tries have failed by then
    if (await sophie.getByText("Pas envoyé").count()) throw new Error("a message without a network was given up");
    await sophie.context().setOffline(false);
    await sees(karim, "Écrit sans réseau");
    await sees(karim, "Et la suite");
    const told = await karim.getByRole("article").allInnerTexts();
    const place = (text) => told.findLastIndex((each) => each.includes(text));
    if (place("Écrit sans réseau") > place("Et la suite")) throw new Error("the order was lost");
    if (told.filter((each) => each.includes("Et la suite")).length !== 1) throw new Error("a message came twice");
    await sophie.getByText("Hors connexion. Vos messages partiront").waitFor({ state: "detached" });
  },
  async "what waits for the network outlives a reload, encrypted or not yet, and is sent once"() {
    const waiting = ["Avant de recharger", "Après avoir rechargé", "Et encore après"];
    await sophie.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === "activated");
    await sophie.reload();
    await sees(sophie, "Et la suite");
    await sophie.waitForTimeout(1000);
    await sophie.evaluate(() => window.dispatchEvent(new Event("pagehide"))); // what the browser knows is kept
    await sophie.waitForTimeout(1000);
    await sophie.context().setOffline(true);
    await sophie.getByText("Hors connexion. Vos messages partiront").waitFor();
    for (const [index, text] of waiting.entries()) {
      await say(sophie, text);
      await messages(sophie).getByText("En attente du réseau").nth(index).waitFor();
      await sophie.reload();
      for (const each of waiting.slice(0, index + 1)) await sees(sophie, each);
    }
    assert((await messages(sophie).getByText("En attente du réseau").count()) === 3, "what waits is not shown as waiting");
    await look(sophie, "offline-reloaded");
    await sophie.context().setOffline(false);
    for (const each of waiting) await sees(karim, each);
    await messages(sophie).getByText("En attente du réseau").first().waitFor({ state: "detached" });
    await sophie.reload();
    await sees(sophie, waiting[2]);
    for (const page of [sophie, karim]) {
      const told = await messages(page).getByRole("article").allInnerTexts();
      for (const each of waiting) assert(told.filter((one) => one.includes(each)).length === 1, `${each}: not once (${told.slice(-6)})`);
    }
  },
  async "whoever came a minute ago finds all without a network, and what waits"() {
    const lea = await arrive("Lea Roux");
    await createRoom(lea, "Première heure");
    await say(lea, "Écrit avec le réseau");
    await lea.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === "activated");
    await messages(lea).locator("[data-event^='$']").first().waitFor();
    await lea.context().setOffline(true);
    await lea.getByText("Hors connexion. Vos messages partiront").waitFor();
    await say(lea, "Écrit sans réseau");
    await messages(lea).getByText("En attente du réseau").waitFor();
    await lea.reload();
    await lea.getByText("Hors connexion. Vos messages partiront").waitFor();
    await lea.getByRole("link", { name: /^Première heure/ }).waitFor();
    for (const each of ["Écrit avec le réseau", "Écrit sans réseau", "En attente du réseau"]) await sees(lea, each);
    await lea.getByRole("link", { name: "Forums" }).click(); // whose files have not been fetched yet
    await lea.getByText("Cette partie n’est pas encore sur cet appareil").waitFor();
    await look(lea, "offline-part");
    await lea.getByRole("link", { name: "Discussions" }).click();
    await lea.getByRole("link", { name: /^Première heure/ }).click();
    await sees(lea, "Écrit sans réseau");
    await lea.getByRole("link", { name: "Forums" }).click();
    await lea.getByText("Cette partie n’est pas encore sur cet appareil").waitFor();
    await lea.context().setOffline(false);
    await lea.getByRole("searchbox", { name: /Chercher un forum/ }).or(lea.getByLabel(/Chercher un forum/)).first().waitFor();
    await lea.context().close();
  },
  async "a code that was replaced is recognised as old"() {
    await sophie.goto(`${server}/#/settings/devices`);
    await sophie.getByRole("button", { name: "Le remplacer" }).click();
    const code = (await sophie.getByTestId("code").innerText()).replace(/\s+/g, " ");
    await sophie.getByLabel(/J’ai rangé ce code/).check();
    await sophie.getByRole("button", { name: "Continuer" }).click();
    await sophie.getByLabel("Code de récupération").fill(code);
    await sophie.getByRole("button", { name: "Terminer" }).click();
    await sophie.getByRole("button", { name: "Vérifier que je l’ai" }).click();
    await sophie.getByLabel("Code de récupération").fill(sophie.code);
    await sophie.getByRole("dialog").getByRole("button", { name: "Vérifier que je l’ai" }).click();
    await sophie.getByText(/Ce code date d’avant le/).waitFor();
    await sophie.getByLabel("Code de récupération").fill(code.toString());
    await sophie.getByRole("dialog").getByRole("button", { name: "Vérifier que je l’ai" }).click();
    await sophie.getByText("C’est le bon code").waitFor();
    await sophie.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
    await look(sophie, "devices");
  },
  async "a second tab lets the first one keep the session, or takes it over"() {
    const tab = await karim.context().newPage();
    await tab.goto(server);
    await tab.getByText("Chappe est ouvert dans un autre onglet").waitFor();
    await look(tab, "other-tab");
    await tab.goto("about:blank");
    await tab.goto(`${server}/#/settings/appearance`); // as a link in a mail
    await tab.getByRole("heading", { name: "C’est ouvert dans votre autre onglet" }).waitFor();
    await karim.getByRole("heading", { name: "Apparence" }).waitFor();
    await karim.getByText("Ouvert depuis un autre onglet").waitFor();
    await look(tab, "other-tab-brought");
    await karim.goto(`${server}/#/`);
    await tab.goto("about:blank");
    await tab.goto(server);
    await tab.getByRole("button", { name: "Utiliser ici" }).click();
    await tab.getByRole("heading", { name: "Discussions" }).waitFor();
    await karim.getByText("Chappe est ouvert dans un autre onglet").waitFor();
    await tab.close();
  },
  async "signing out forgets everything"() {
    await second.goto(`${server}/#/settings/devices`);
    await second.getByRole("button", { name: "Se déconnecter" }).last().click();
    await second.getByRole("alertdialog").getByRole("button", { name: "Se déconnecter" }).click();
    await second.getByRole("heading", { name: "Se connecter" }).waitFor();
    const kept = await second.evaluate(async () => (await indexedDB.databases()).map((each) => each.name));
    assert(!kept.some((each) => /crypto|chappe-@|search/.test(each)), `kept: ${kept}`);
    await second.getByLabel("Adresse e-mail professionnelle").fill("sophie");
    await second.getByRole("button", { name: "Continuer" }).click();
    await second.locator("#password").waitFor(); // nobody else comes in
  },
});
