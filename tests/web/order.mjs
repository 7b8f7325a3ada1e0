// An order that asks for an answer: given by one, answered by others from their own browsers, read by any client as a message.
import { call, pressUntil, threeInARoom } from "./crisis_stage.mjs";
import { assert, look, messages, play, sees, server, until } from "./stage.mjs";

let claire;
let sophie;
let karim;
let room;
const DELAYED = "unstable/org.matrix.msc4140";
const delayed = async () => (await call("claire", "GET", "/delayed_events", undefined, DELAYED)).scheduled.filter((each) => each.room_id === room);
const act = (id, what) => call("claire", "POST", `/delayed_events/${id}/${what}`, {}, DELAYED);
const card = (page) => messages(page).getByRole("region", { name: /^Ordre/ }).last();

await play({
  async "three people in a room, one of whom moderates it"() {
    ({ claire, sophie, karim, room } = await threeInARoom());
  },
  async "only who may notify the whole room finds the order in the menu"() {
    await sophie.getByRole("button", { name: /^Joindre/ }).first().click();
    await sophie.getByRole("menuitem", { name: /[Ss]ondage/ }).waitFor();
    assert(!(await sophie.getByRole("menuitem", { name: "Ordre à confirmer" }).isVisible()), "a member may give orders");
    await sophie.keyboard.press("Escape");
    await claire.getByRole("button", { name: /^Joindre/ }).first().click();
    await claire.getByRole("menuitem", { name: "Ordre à confirmer" }).click();
    const dialog = claire.getByRole("dialog", { name: "Ordre à confirmer" });
    await dialog.getByRole("checkbox", { name: /Sophie Lambert/ }).waitFor();
    await dialog.getByLabel("L’ordre", { exact: true }).fill("Ouvrir le gymnase Bellecombe avant 10 h 30.");
    const dues = await dialog.getByLabel("Réponse attendue").locator("option").allInnerTexts();
    assert(dues.some((each) => /^Dans 1\sheure$/.test(each)) && dues.some((each) => /^Dans 4\sheures$/.test(each)), `as nobody says it: ${dues}`);
    await look(claire, "order-compose");
    await dialog.getByRole("button", { name: "Donner l’ordre à 2 personnes" }).click();
    await dialog.waitFor({ state: "detached" });
  },
  async "it arrives as a card; of what it says the server knows only whom it rings for"() {
    for (const page of [sophie, karim]) await card(page).getByText("Ouvrir le gymnase Bellecombe").waitFor();
    await look(sophie, "order-received");
    const { chunk } = await call("claire", "GET", `/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=20`);
    const sealed = chunk.find((each) => each.content["org.chappe.urgent"]);
    assert(sealed?.type === "m.room.encrypted", "the order is not sealed");
    assert(sealed.content["org.chappe.urgent"].users.length === 2 && !JSON.stringify(sealed).includes("gymnase"), "the server reads the order");
    assert((await delayed()).some((each) => each.type === "m.room.encrypted"), "the server will remind nobody");
  },
  async "they answer; who gave it sees who has, and who has not"() {
    await card(sophie).getByRole("button", { name: "J’ai reçu" }).click();
    await card(claire).getByText("1 sur 2 ont répondu").waitFor();
    await card(sophie).getByText("Vous avez reçu l’ordre").waitFor();
    await card(sophie).getByRole("button", { name: "J’exécute" }).click();
    await card(claire).getByText("1 exécute").waitFor();
    await card(claire).getByRole("button", { name: "Suivi" }).click();
    const dialog = claire.getByRole("dialog", { name: "Suivi de l’ordre" });
    await dialog.getByRole("listitem").filter({ hasText: "Karim Haddad" }).getByText("Sans réponse").waitFor();
    await dialog.getByRole("listitem").filter({ hasText: "Sophie Lambert" }).getByText(/Exécute/).waitFor();
    await look(claire, "order-following");
    await dialog.getByRole("button", { name: "Relancer la personne" }).click();
    await sees(karim, "Rappel");
    await claire.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  },
  async "who cannot says why; when all have answered nobody is reminded any more"() {
    await card(karim).getByRole("button", { name: "Je ne peux pas" }).click();
    await card(karim).getByLabel("Pourquoi").fill("Pas de véhicule avant 11 h");
    await look(karim, "order-cannot");
    await card(karim).getByRole("button", { name: "Répondre" }).click();
    await card(claire).getByText("Les 2 ont répondu").waitFor();
    await card(claire).getByText(/1 ne peut pas/).waitFor();
    await until("the server has no reminder any more", async () => !(await delayed()).length);
    await sophie.setViewportSize({ width: 360, height: 740 });
    await look(sophie, "order-phone");
    await sophie.emulateMedia({ colorScheme: "dark" });
    await look(sophie, "order-phone-dark");
    await sophie.setViewportSize({ width: 1440, height: 900 });
  },
  async "an order out of sight is offered above the field; what was answered long after is counted where one comes back to it"() {
    await claire.getByRole("button", { name: /^Joindre/ }).first().click();
    await claire.getByRole("menuitem", { name: "Ordre à confirmer" }).click();
    const dialog = claire.getByRole("dialog", { name: "Ordre à confirmer" });
    await dialog.getByLabel("L’ordre", { exact: true }).fill("Fermer les ponts aval");
    await dialog.getByRole("checkbox", { name: /Karim Haddad/ }).waitFor();
    await dialog.getByRole("button", { name: "Donner l’ordre à 2 personnes" }).click();
    await card(karim).getByText("Fermer les ponts aval").waitFor();
    const id = await messages(claire).getByRole("article").filter({ hasText: "Fermer les ponts" }).last().getAttribute("data-event");
    for (let at = 0; at < 60; at += 1) await call("claire", "PUT", `/rooms/${encodeURIComponent(room)}/send/m.room.message/long${at}`, { msgtype: "m.text", body: `point ${at}` });
    await sees(karim, "point 59");
    await karim.getByText(/^Un ordre attend votre réponse avant/).last().waitFor();
    await look(karim, "order-bar");
    await karim.getByRole("button", { name: "Y aller" }).click();
    const asked = messages(karim).getByRole("region", { name: /^Ordre/ }).filter({ hasText: "Fermer les ponts" });
    await pressUntil(asked.getByRole("button", { name: "J’exécute" }), asked.getByText("Vous exécutez"));
    await karim.getByRole("button", { name: "Y aller" }).waitFor({ state: "detached" });
    const answers = `/rooms/${encodeURIComponent(room)}/relations/${encodeURIComponent(id)}/m.reference`;
    await until("the answer is there", async () => (await call("claire", "GET", answers, undefined, "v1")).chunk.length);
    await claire.goto(`${server}/#/room/${encodeURIComponent(room)}/${encodeURIComponent(id)}`);
    await claire.reload();
    await messages(claire).getByRole("region", { name: /^Ordre/ }).filter({ hasText: "Fermer les ponts" }).getByText("1 sur 2 ont répondu").waitFor();
  },
  async "what follows without an answer is left with the server; whoever is asked instead then answers as the others do"() {
    for (const page of [claire, karim]) {
      await page.goto(`${server}/#/room/${encodeURIComponent(room)}`);
      await page.reload(); // they were among what was said before
    }
    await claire.getByRole("button", { name: /^Joindre/ }).first().click();
    await claire.getByRole("menuitem", { name: "Ordre à confirmer" }).click();
    const dialog = claire.getByRole("dialog", { name: "Ordre à confirmer" });
    await dialog.getByLabel("L’ordre", { exact: true }).fill("Couper le gaz quai nord");
    await dialog.getByRole("checkbox", { name: /Karim Haddad/ }).waitFor();
    await dialog.getByRole("button", { name: "Ajouter une étape" }).click();
    await dialog.getByLabel("Étape 2 : que faire").selectOption({ label: "Solliciter quelqu’un d’autre" });
    await dialog.getByText("Choisissez qui solliciter à la place.").first().waitFor();
    await dialog.getByLabel("Qui solliciter à la place").selectOption({ label: "Karim Haddad" });
    await look(claire, "order-ladder");
    await claire.setViewportSize({ width: 360, height: 740 });
    await look(claire, "order-ladder-phone");
    await claire.setViewportSize({ width: 1440, height: 900 });
    const before = new Set((await delayed()).map((each) => each.delay_id));
    await dialog.getByRole("button", { name: "Donner l’ordre à 1 personne" }).click();
    await dialog.waitFor({ state: "detached" });
    await card(sophie).getByText(/Sans réponse à .*, un rappel sonnera chez vous/).waitFor();
    const gas = messages(karim).getByRole("region", { name: /^Ordre/ }).filter({ hasText: "Couper le gaz" });
    await gas.waitFor();
    assert(!(await gas.getByRole("button", { name: "J’ai reçu" }).isVisible()), "he is asked before his time");
    // the two steps come now, as they would at their time
    for (const { delay_id } of (await delayed()).filter((each) => !before.has(each.delay_id)).toSorted((one, other) => one.delay - other.delay)) await act(delay_id, "send");
    await gas.getByRole("button", { name: "J’exécute" }).click();
    await gas.getByText("Vous exécutez").waitFor();
    await card(claire).getByText("1 sur 2 ont répondu").waitFor();
    await card(claire).getByRole("button", { name: "Suivi" }).click();
    const following = claire.getByRole("dialog", { name: "Suivi de l’ordre" });
    const then = following.getByRole("region", { name: "Et ensuite" });
    await then.getByRole("listitem").filter({ hasText: "Rappel sonore" }).getByText("À Sophie Lambert").waitFor();
    await then.getByRole("listitem").filter({ hasText: "Ordre adressé à Karim Haddad" }).getByText("Fait").waitFor();
    await following.getByRole("listitem").filter({ hasText: "À la place d’autres" }).getByText(/Exécute/).waitFor();
    await look(claire, "order-escalated");
    await claire.keyboard.press("Escape");
    await following.waitFor({ state: "detached" });
  },
  async "once all have answered the server sends nothing more, even if nobody takes it back"() {
    const gas = await messages(claire).getByRole("article").filter({ hasText: "Couper le gaz" }).first().getAttribute("data-event");
    const about = { "m.relates_to": { rel_type: "m.reference", event_id: gas }, "org.chappe.urgent": { users: ["@sophie:localhost"] } };
    await card(sophie).getByRole("button", { name: "J’ai reçu" }).click();
    const answers = `/rooms/${encodeURIComponent(room)}/relations/${encodeURIComponent(gas)}/m.reference`;
    const answered = async () => (await call("claire", "GET", answers, undefined, "v1")).chunk.some((each) => each.sender === "@sophie:localhost");
    await until("the answer is there", answered);
    const path = `/rooms/${encodeURIComponent(room)}/delayed_event/m.room.encrypted/last`;
    const { delay_id } = await call("claire", "PUT", `${path}`, { delay_ms: 600_000, content: { algorithm: "m.megolm.v1.aes-sha2", ciphertext: "x", ...about } });
    await act(delay_id, "send");
    const { finalised } = await call("claire", "GET", `/delayed_events?status=finalised&delay_id=${delay_id}`, undefined, DELAYED);
    assert(finalised[0].outcome === "cancel", "those who have answered are reminded");
  },
  async "it is lifted, with a reason that all see"() {
    await card(claire).getByRole("button", { name: "Suivi" }).click();
    const dialog = claire.getByRole("dialog", { name: "Suivi de l’ordre" });
    await dialog.getByRole("button", { name: "Lever l’ordre" }).click();
    await dialog.getByLabel("Pourquoi est-il levé").fill("Fausse alerte");
    await dialog.getByRole("button", { name: "Lever l’ordre" }).click();
    await card(karim).getByText("Ordre levé : Fausse alerte").waitFor();
  },
  async "any client reads an order and writes an answer; nonsense is a message"() {
    const plain = await call("claire", "POST", "/createRoom", { preset: "private_chat", name: "Sans chiffrement", invite: ["@karim:localhost"], initial_state: [] });
    await karim.getByRole("button", { name: /^Rejoindre Sans/ }).click();
    const send = (who, txn, content) => call(who, "PUT", `/rooms/${encodeURIComponent(plain.room_id)}/send/m.room.message/${txn}`, { msgtype: "m.text", ...content });
    await send("claire", "1", { body: "Ordre : évacuer", "org.chappe.order": { text: "Évacuer la crèche", to: ["@karim:localhost"], due: null } });
    await card(karim).getByText("Évacuer la crèche").waitFor();
    await send("claire", "2", { body: "dix mille", "org.chappe.order": { text: "À tous", to: Array.from({ length: 1000 }, (_, at) => `@p${at}:x`), due: "hier" } });
    await sees(karim, "dix mille");
    await card(karim).getByRole("button", { name: "J’exécute" }).click();
    await until("another client reads an answer", async () => {
      const { chunk } = await call("claire", "GET", `/rooms/${encodeURIComponent(plain.room_id)}/messages?dir=b&limit=20`);
      return chunk.some((each) => each.sender === "@karim:localhost" && each.content.body === "J’exécute l’ordre");
    });
  },
  async "an order that is edited or deleted asks nobody any more, on whatever device, nor leaves answers behind"() {
    const room = await call("claire", "POST", "/createRoom", { preset: "private_chat", name: "Levées", invite: ["@karim:localhost"], initial_state: [] });
    const path = `/rooms/${encodeURIComponent(room.room_id)}`;
    await karim.getByRole("button", { name: /^Rejoindre Levées/ }).click();
    const order = async (text) => (await call("claire", "PUT", `${path}/send/m.room.message/${text.length}`, { msgtype: "m.text", body: `Ordre : ${text}`, "org.chappe.order": { text, to: ["@karim:localhost"], due: null } })).event_id;
    const cards = messages(karim).getByRole("region", { name: /^Ordre/ });
    const shelter = cards.filter({ hasText: "abri" });
    const first = await order("Vider l’abri");
    await shelter.getByRole("button", { name: "J’ai reçu" }).waitFor();
    await karim.getByText("Un ordre attend votre réponse").first().waitFor({ state: "attached" });
    const content = { msgtype: "m.text", body: "Vider l’abri nord" };
    await call("claire", "PUT", `${path}/send/m.room.message/edit`, { ...content, body: "* Vider l’abri nord", "m.new_content": content, "m.relates_to": { rel_type: "m.replace", event_id: first } });
    await shelter.getByText("Vider l’abri nord").waitFor();
    await shelter.getByText(/aucune réponse n’est plus attendue/).waitFor();
    for (const page of [karim, claire]) {
      await page.goto(`${server}/#/room/${encodeURIComponent(room.room_id)}`);
      await page.reload(); // as on another device
      await messages(page).getByRole("region", { name: /^Ordre/ }).filter({ hasText: "abri nord" }).waitFor();
      assert((await messages(page).getByRole("button", { name: /^(J’ai reçu|J’exécute|Je ne peux pas)$/ }).count()) === 0, "an order that was edited asks on");
    }
    await look(karim, "order-edited");
    await cards.getByRole("button", { name: "Suivi" }).click();
    await karim.getByRole("dialog", { name: "Suivi de l’ordre" }).waitFor();
    await karim.keyboard.press("Escape");
    const second = await order("Barrer la rue du quai");
    const street = cards.filter({ hasText: "quai" });
    await street.getByRole("button", { name: "J’exécute" }).click();
    await messages(claire).getByRole("region", { name: /^Ordre/ }).filter({ hasText: "quai" }).getByText("La personne a répondu").waitFor();
    await call("claire", "PUT", `${path}/redact/${encodeURIComponent(second)}/gone`, { reason: "Erreur" });
    for (const page of [karim, claire]) {
      await messages(page).locator(`article[data-event="${second}"]`).getByText("Message supprimé").waitFor();
      await page.reload();
      await messages(page).locator(`article[data-event="${second}"]`).getByText("Message supprimé").waitFor();
      assert((await messages(page).getByText("J’exécute l’ordre").count()) === 0, "what was answered to nothing is told");
      assert((await messages(page).getByRole("button", { name: /^(J’ai reçu|J’exécute|Je ne peux pas)$/ }).count()) === 0, "an order that was deleted asks on");
    }
    assert((await karim.getByRole("button", { name: "Y aller" }).count()) === 0, "what was deleted waits above the field");
    const third = await order("Couper l’eau du bassin est");
    await karim.getByText("Un ordre attend votre réponse").first().waitFor({ state: "attached" });
    await karim.context().setOffline(true);
    await call("claire", "PUT", `${path}/redact/${encodeURIComponent(third)}/unseen`, {});
    for (let at = 0; at < 120; at += 1) await call("claire", "PUT", `${path}/send/m.room.message/gap${at}`, { msgtype: "m.text", body: `relevé ${at}` });
    await karim.context().setOffline(false);
    await sees(karim, "relevé 119"); // the deletion is in what was not heard, and the order is not loaded
    await until("the bar is gone", async () => !(await karim.getByText("Un ordre attend votre réponse").count()));
  },
});
