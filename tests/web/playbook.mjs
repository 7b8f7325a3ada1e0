// A crisis room's plan and log: begun by one, ticked, taken and written by others from their own browsers, read by any client as messages.
import { readFileSync } from "node:fs";
import { call, pressUntil, threeInARoom } from "./crisis_stage.mjs";
import { act, assert, look, messages, play, sees, server, signInAgain, until, visit } from "./stage.mjs";

let claire;
let sophie;
let karim;
let room;
const card = (page) => messages(page).getByRole("region", { name: /^Plan d’action/ }).last();
const plan = (page) => page.getByRole("region", { name: "Plan d’action" });
const log = (page) => page.getByRole("log", { name: "Main courante" });
const step = (page, text) => plan(page).getByRole("listitem").filter({ hasText: text });
const enter = async (page) => pressUntil(page.getByRole("button", { name: "Plan et main courante" }), page.getByRole("heading", { name: "Crue de la Saône" }));

await play({
  async "three people in a room, one of whom moderates it"() {
    ({ claire, sophie, karim, room } = await threeInARoom());
  },
  async "whoever may notify the room begins a plan, from a model that can be changed"() {
    await sophie.getByRole("button", { name: /^Joindre/ }).first().click();
    await sophie.getByRole("menuitem", { name: /[Ss]ondage/ }).waitFor();
    assert(!(await sophie.getByRole("menuitem", { name: "Plan d’action et main courante" }).isVisible()), "a member may begin a plan");
    await sophie.keyboard.press("Escape");
    await claire.getByRole("button", { name: /^Joindre/ }).first().click();
    await claire.getByRole("menuitem", { name: "Plan d’action et main courante" }).click();
    const dialog = claire.getByRole("dialog", { name: "Commencer un plan d’action" });
    await dialog.getByText("Choisissez un modèle").waitFor();
    await dialog.getByRole("radio", { name: "Crue" }).check();
    await dialog.getByLabel("Titre du plan").fill("Crue de la Saône");
    await look(claire, "playbook-new");
    await dialog.getByRole("button", { name: "Commencer" }).click();
    await dialog.waitFor({ state: "detached" });
    await claire.getByRole("heading", { name: "Crue de la Saône" }).waitFor();
    await plan(claire).getByText("Ouvrir les lieux d’accueil").waitFor();
  },
  async "it is kept as a model of one's own: changed, offered on another device, deleted there; the server reads nothing of it"() {
    await claire.getByRole("button", { name: "Autres actions du plan" }).click();
    await claire.getByRole("menuitem", { name: "Garder comme modèle" }).click();
    await claire.getByText(/^Modèle gardé/).first().waitFor();
    const kept = () => call("claire", "GET", `/user/${encodeURIComponent("@claire:localhost")}/account_data/org.chappe.playbook.models`);
    await until("it is kept", async () => (await kept()).data);
    assert(!/Crue|préfet/.test(JSON.stringify(await kept())), "the server reads a model");
    const other = await signInAgain("claire", claire.password);
    await other.getByRole("button", { name: /code de récupération/ }).click();
    await other.getByLabel("Code de récupération").fill(claire.code);
    await other.getByRole("button", { name: "Ouvrir mes messages" }).click();
    await other.getByRole("link", { name: /Cellule de crise/ }).click();
    const anew = async () => {
      await other.getByRole("button", { name: /^Joindre/ }).first().click();
      await other.getByRole("menuitem", { name: "Plan d’action et main courante" }).click();
      return other.getByRole("dialog", { name: "Commencer un plan d’action" });
    };
    const dialog = await anew();
    const own = dialog.getByRole("group", { name: "Mes modèles" });
    await own.getByRole("radio", { name: "Crue de la Saône" }).check();
    assert((await dialog.getByLabel("Actions").inputValue()).includes("Prévenir le préfet"), "the steps are not those of the plan");
    await dialog.getByLabel("Titre du plan").fill("Crue du Rhône");
    await dialog.getByRole("button", { name: "Mettre à jour le modèle" }).press("Enter");
    await own.getByRole("radio", { name: "Crue du Rhône" }).waitFor();
    await look(other, "playbook-models");
    await other.setViewportSize({ width: 360, height: 740 });
    await look(other, "playbook-models-phone");
    await other.setViewportSize({ width: 1440, height: 900 });
    await dialog.getByRole("button", { name: "Supprimer le modèle" }).press("Enter");
    await own.waitFor({ state: "detached" });
    await dialog.getByText("Modèle supprimé.").waitFor();
    await other.context().close();
  },
  async "others find it in the conversation and in its head, and tick at once without losing anything"() {
    await card(sophie).getByText(/^Fait\s: 0 sur 12$/).waitFor();
    await look(sophie, "playbook-card");
    await pressUntil(card(sophie).getByRole("button", { name: "Ouvrir le plan" }), sophie.getByRole("heading", { name: "Crue de la Saône" }));
    await enter(karim);
    await Promise.all([
      step(sophie, "Prévenir le préfet").getByRole("checkbox").check(),
      step(karim, "Relever les cotes").getByRole("checkbox").check(),
      step(claire, "Activer la cellule").getByRole("checkbox").check(),
    ]);
    for (const page of [claire, sophie, karim]) {
      await page.getByText(/^Fait\s: 3 sur 12$/).first().waitFor();
      await log(page).getByText(/^Fait\s: Relever les cotes/).waitFor();
    }
  },
  async "somebody takes a step; somebody is given one, with a time; one does not apply"() {
    await step(karim, "Fermer les ponts").getByRole("button", { name: /^Je m’en charge/ }).click();
    await step(claire, "Fermer les ponts").getByText("Responsable : Karim Haddad").waitFor({ state: "attached" });
    await step(claire, "Couper le gaz").getByRole("button", { name: /^Désigner/ }).click();
    const dialog = claire.getByRole("dialog", { name: /^Couper le gaz/ });
    await dialog.getByLabel("Responsable").selectOption({ label: "Sophie Lambert" });
    await dialog.getByLabel("Échéance").selectOption({ label: "Dans 10 minutes" });
    await look(claire, "playbook-step");
    await dialog.getByRole("button", { name: "Enregistrer" }).click();
    await dialog.waitFor({ state: "detached" });
    await step(sophie, "Couper le gaz").getByText(/reste/).waitFor();
    await step(sophie, "Couper le gaz").getByText("Responsable : Sophie Lambert").waitFor({ state: "attached" });
    await step(sophie, "Mettre à jour la page").getByRole("button", { name: /^Détails/ }).click();
    const own = sophie.getByRole("dialog", { name: /^Mettre à jour/ });
    await own.locator("label").filter({ hasText: "Sans objet" }).click();
    await own.getByRole("button", { name: "Enregistrer" }).click();
    for (const page of [claire, karim]) await page.getByText(/^Fait\s: 3 sur 11$/).first().waitFor();
    await claire.getByRole("button", { name: "Ajouter une action" }).click();
    await claire.getByLabel("Nouvelle action").fill("Prévenir les cliniques");
    await claire.keyboard.press("Enter");
    await step(karim, "Prévenir les cliniques").waitFor();
  },
  async "lines are written into the log, and corrected by whoever wrote them; nothing is taken away"() {
    await karim.getByLabel("Ajouter une ligne").fill("3 cars engagés");
    await karim.keyboard.press("Enter");
    await log(claire).getByText("3 cars engagés").waitFor();
    assert(!(await log(claire).getByRole("button", { name: /^Corriger/ }).isVisible()), "others may correct it");
    await log(karim).getByRole("button", { name: /^Corriger/ }).click();
    await karim.getByLabel("Corriger la ligne").fill("2 cars engagés");
    await karim.keyboard.press("Enter");
    await log(claire).getByText("2 cars engagés").waitFor();
    await log(claire).locator("s", { hasText: "3 cars engagés" }).waitFor();
    await look(claire, "playbook");
    await claire.emulateMedia({ colorScheme: "dark" });
    await look(claire, "playbook-dark");
    await claire.emulateMedia({ colorScheme: "light" });
    await claire.getByRole("button", { name: "Chercher dans la main courante" }).click();
    await claire.getByRole("textbox", { name: "Chercher dans la main courante" }).fill("prefet");
    await log(claire).getByText("2 cars engagés").waitFor({ state: "detached" });
    await log(claire).getByText(/Prévenir le préfet/).waitFor();
  },
  async "the server reads nothing of it"() {
    const { chunk } = await call("claire", "GET", `/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=100`);
    assert(chunk.filter((each) => each.type === "m.room.encrypted").length > 8, "the acts are not there");
    assert(!/cars|Saône|préfet|playbook/.test(JSON.stringify(chunk)), "the server reads the plan");
  },
  async "by keys, and on a phone"() {
    await sophie.getByRole("checkbox", { name: /^Évacuer/ }).focus();
    await sophie.keyboard.press("Space");
    await claire.getByText(/^Fait\s: 4 sur 12$/).first().waitFor();
    await karim.setViewportSize({ width: 360, height: 740 });
    await log(karim).waitFor();
    await look(karim, "playbook-phone-log");
    await karim.locator("label").filter({ hasText: "Plan d’action" }).click();
    await step(karim, "Évacuer").getByRole("checkbox", { checked: true }).waitFor();
    await look(karim, "playbook-phone");
    await karim.emulateMedia({ colorScheme: "dark" });
    await look(karim, "playbook-phone-dark");
    await karim.getByRole("button", { name: "Discussion" }).click();
    await card(karim).getByText(/^Fait\s: 4 sur 12$/).waitFor();
  },
  async "what somebody said is taken into the log, with its author and time"() {
    await act(karim, "Cote à 4,20 m", "Reprendre dans la main courante");
    await log(sophie).getByText(/^Claire Vasseur \(.+\)\s: Cote à 4,20 m$/).waitFor();
  },
  async "orders that are given, answered and lifted are in the log"() {
    await pressUntil(claire.getByRole("button", { name: "Discussion", exact: true }), claire.getByTestId("composer"));
    await claire.getByRole("button", { name: /^Joindre/ }).first().click();
    await claire.getByRole("menuitem", { name: "Ordre à confirmer" }).click();
    const dialog = claire.getByRole("dialog", { name: "Ordre à confirmer" });
    await dialog.getByRole("checkbox", { name: /Sophie Lambert/ }).uncheck();
    await dialog.getByLabel("L’ordre", { exact: true }).fill("Ouvrir le gymnase");
    await dialog.getByRole("button", { name: "Donner l’ordre à 1 personne" }).click();
    await log(sophie).getByText(/^Ordre donné à 1 personne, réponse avant .+\s: «\sOuvrir le gymnase\s»$/).waitFor();
    const order = (page) => messages(page).getByRole("region", { name: /^Ordre/ }).last();
    await order(karim).getByRole("button", { name: "Je ne peux pas" }).click();
    await order(karim).getByRole("textbox").fill("Plus de clé");
    await order(karim).getByRole("textbox").press("Enter");
    const line = log(sophie).getByText(/^Ne peut pas exécuter l’ordre «\sOuvrir le gymnase\s»\s: Plus de clé$/);
    await line.waitFor();
    await order(claire).getByRole("button", { name: "Suivi" }).click();
    const following = claire.getByRole("dialog", { name: "Suivi de l’ordre" });
    await following.getByRole("button", { name: "Lever l’ordre" }).click();
    await following.getByRole("textbox").fill("Autre lieu");
    await following.getByRole("button", { name: "Lever l’ordre" }).click();
    await log(sophie).getByText(/^Ordre levé, «\sOuvrir le gymnase\s»\s: Autre lieu$/).waitFor();
    await look(sophie, "playbook-orders");
    await enter(claire);
  },
  async "it is closed: a sealed record leaves for the disk, all see it, and what is changed later shows"() {
    await claire.getByRole("button", { name: "Clore et exporter" }).click();
    const dialog = claire.getByRole("dialog", { name: "Clore et exporter" });
    await dialog.getByText(/actions ne sont pas faites/).waitFor();
    await look(claire, "playbook-close");
    const [kept] = await Promise.all([claire.waitForEvent("download"), dialog.getByRole("button", { name: "Clore et exporter" }).click()]);
    await dialog.waitFor({ state: "detached" });
    const record = readFileSync(await kept.path(), "utf8");
    assert(/\.html$/.test(kept.suggestedFilename()) && record.includes("2 cars engagés") && record.includes("<s>3 cars engagés</s>"), "the record is without the log");
    const data = JSON.parse(/<script type="application\/json" id="record">([^<]*)</.exec(record)[1]);
    assert(data.events.length > 10 && data.events.length === data.chain.length, "the record is without the events");
    const paper = await visit();
    await paper.setContent(record);
    await look(paper, "playbook-record");
    await sophie.getByText(/^Ce plan a été clos par Claire Vasseur/).waitFor();
    assert(await step(sophie, "Diffuser").getByRole("checkbox").isDisabled(), "a closed plan can be ticked");
    const digest = /<code id="seal">([0-9a-f]{64})</.exec(record)[1];
    await sees(karim, `Plan clos et exporté. Empreinte de l’export : ${digest}`);
    const check = async (text, verdict) => {
      await sophie.getByTestId("record").setInputFiles({ name: "record.html", mimeType: "text/html", buffer: Buffer.from(text) });
      const answer = sophie.getByRole("dialog", { name: "Vérification d’un export" });
      await answer.getByText(verdict).waitFor();
      await look(sophie, "playbook-verified");
      await answer.getByRole("button", { name: "Fermer" }).click();
      await answer.waitFor({ state: "detached" });
    };
    await check(record, /celui de la clôture, sans aucune modification/);
    await check(record.replaceAll("2 cars engagés", "9 cars engagés"), /a été modifié après l’export\. La première différence est à l’événement \d+/);
    await sophie.getByRole("button", { name: "Autres actions du plan" }).click();
    const [again] = await Promise.all([sophie.waitForEvent("download"), sophie.getByRole("menuitem", { name: "Exporter" }).click()]);
    await check(readFileSync(await again.path(), "utf8"), /exactement les événements de la clôture/);
  },
  async "whoever leads opens it again, and that shows"() {
    await claire.getByRole("button", { name: "Autres actions du plan" }).click();
    await claire.getByRole("menuitem", { name: "Rouvrir le plan" }).click();
    await log(sophie).getByText("Plan rouvert").waitFor();
    await step(sophie, "Diffuser").getByRole("checkbox").check();
    await step(claire, "Diffuser").getByRole("checkbox", { checked: true }).waitFor();
  },
  async "any client reads a plan and ticks it; nonsense is a message"() {
    const plain = await call("claire", "POST", "/createRoom", { preset: "private_chat", name: "Sans chiffrement", invite: ["@sophie:localhost"], initial_state: [] });
    const path = `/rooms/${encodeURIComponent(plain.room_id)}`;
    const send = (who, txn, content) => call(who, "PUT", `${path}/send/m.room.message/${txn}`, { msgtype: "m.text", ...content });
    await sophie.getByRole("button", { name: /^Rejoindre Sans/ }).click();
    const { event_id } = await send("claire", "1", { body: "Plan", "org.chappe.playbook": { title: "Exercice", steps: [{ id: "1", text: "Sonner" }] } });
    await send("claire", "2", { body: "dix mille", "org.chappe.playbook": { title: "Trop", steps: Array.from({ length: 1000 }, (_, at) => ({ id: `${at}`, text: "x" })) } });
    await sees(sophie, "dix mille");
    const about = { "m.relates_to": { rel_type: "m.reference", event_id } };
    await send("claire", "3", { body: "Fait", "org.chappe.playbook.act": { kind: "state", step: "1", state: "done" }, ...about });
    await send("claire", "4", { body: "absurde", "org.chappe.playbook.act": { kind: "state", step: ["1"], state: {} }, ...about });
    await sees(sophie, "absurde");
    await card(sophie).getByText(/^Fait\s: 1 sur 1$/).waitFor();
    await pressUntil(card(sophie).getByRole("button", { name: "Ouvrir le plan" }), sophie.getByRole("heading", { name: "Exercice" }));
    await plan(sophie).getByRole("checkbox", { name: "Sonner" }).uncheck();
    await until("another client reads the act", async () => {
      const { chunk } = await call("claire", "GET", `${path}/messages?dir=b&limit=20`);
      return chunk.some((each) => each.sender === "@sophie:localhost" && /Remis à faire\s: Sonner/.test(each.content.body));
    });
  },
});
