// Messages kept for later, with reminders: on every device of the account, and sealed from everybody else.
import { act, arrive, assert, createRoom, look, messages, play, say, sees, server, signInAgain, until } from "./stage.mjs";

let claire;
let other;
let token;

const entry = (page) => page.getByRole("navigation", { name: "Fils et rappels" }).getByRole("link", { name: /^À traiter/ });
const row = (page, text) => page.getByRole("main").getByRole("listitem").filter({ hasText: text });

async function stored() {
  const answer = await fetch(`${server}/_matrix/client/v3/user/@claire:localhost/account_data/org.chappe.saved`, { headers: { Authorization: `Bearer ${token}` } });
  return answer.ok ? JSON.stringify(await answer.json()) : "";
}

await play({
  async "one person with two devices"() {
    claire = await arrive("Claire Vasseur");
    await createRoom(claire, "Cabinet");
    for (const text of ["Valider les éléments de langage", "Relire le plan", "À oublier"]) await say(claire, text);
    await sees(claire, "À oublier");
    const login = await fetch(`${server}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: "claire" }, password: claire.password }) });
    token = (await login.json()).access_token;
    other = await signInAgain("claire", claire.password);
    await other.getByRole("button", { name: /code de récupération/ }).click();
    await other.getByLabel("Code de récupération").fill(claire.code.toString());
    await other.getByRole("button", { name: "Ouvrir mes messages" }).click();
    await entry(other).waitFor();
  },
  async "a message is kept from its actions, by the key, and let go of; the server cannot read which"() {
    await entry(claire).click();
    await claire.getByText("Rien à traiter").waitFor();
    await look(claire, "saved-empty");
    await claire.getByRole("link", { name: /Cabinet/ }).first().click();
    await act(claire, "Valider les éléments", "À traiter plus tard");
    await act(claire, "Relire le plan", "À traiter plus tard");
    const id = await messages(claire).getByRole("article").filter({ hasText: "Relire le plan" }).last().getAttribute("data-event");
    await until("it is on the server", async () => (await stored()).includes('"data"'));
    const kept = await stored();
    for (const each of [id, "Relire", "Cabinet", "!"]) assert(!kept.includes(each), `the server reads ${each}`);
    await entry(other).click();
    await row(other, "Relire le plan").waitFor();
    await row(other, "Valider les éléments").waitFor();
    await look(other, "saved");
  },
  async "what is done goes to the others, and can be taken back"() {
    await row(other, "Relire le plan").getByRole("button", { name: "Fait" }).click();
    await row(other, "Relire le plan").waitFor({ state: "detached" });
    await entry(claire).click();
    await row(claire, "Valider").waitFor();
    await row(claire, "Relire le plan").waitFor({ state: "detached" });
    await other.getByRole("button", { name: "Annuler" }).click();
    await row(claire, "Relire le plan").waitFor();
    await row(claire, "Relire le plan").getByRole("button", { name: "Fait" }).click();
    await row(other, "Relire le plan").waitFor({ state: "detached" });
    await other.getByRole("button", { name: "Faits" }).click();
    await row(other, "Relire le plan").waitFor();
    await look(other, "saved-done");
    await other.getByRole("main").getByRole("button", { name: /^À traiter/ }).click();
  },
  async "a reminder rises on both devices when it is time"() {
    await row(claire, "Valider").getByRole("button", { name: "Me le rappeler…" }).click();
    await look(claire, "saved-times");
    await claire.getByRole("menuitem", { name: /^Dans 1 heure/ }).click();
    await claire.getByRole("heading", { name: "Plus tard" }).waitFor();
    await other.getByRole("heading", { name: "Plus tard" }).waitFor();
    for (const page of [claire, other]) {
      await page.clock.setFixedTime(Date.now() + 2 * 3_600_000);
      await page.reload();
      await page.getByRole("heading", { name: "C’est le moment" }).waitFor();
      await entry(page).filter({ hasText: "1" }).waitFor();
    }
    await look(claire, "saved-due");
  },
  async "it leads to its message; a message that was deleted keeps its place"() {
    await row(claire, "Valider").getByRole("button", { name: /Valider/ }).click();
    await messages(claire).locator("article.lit").getByText("Valider les éléments de langage").waitFor();
    await act(claire, "Valider les éléments", "Supprimer");
    await claire.getByRole("button", { name: "Supprimer", exact: true }).click();
    await other.reload();
    await other.getByText("Ce message n’existe plus").first().waitFor();
    await other.getByRole("button", { name: "Retirer" }).click();
    await other.getByText("Rien à traiter").waitFor();
  },
  async "on a phone"() {
    await other.setViewportSize({ width: 360, height: 740 });
    await look(other, "saved-phone");
  },
});
