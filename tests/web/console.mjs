// Who administers an organisation: what there is to see to, people narrowed down, several at once, and what they see of it on theirs.
import { readFile } from "node:fs/promises";
import { arrive, ask, assert, look, play, server } from "./stage.mjs";

let sophie;
let karim;
let lucie;

const people = () => sophie.locator("main tbody tr:not(.dayr)");
const choose = (name) => sophie.getByRole("checkbox", { name: new RegExp(`^Choisir ${name}`, "i") });

/** Until the list has as many. */
const listed = (count) => sophie.waitForFunction((many) => document.querySelectorAll("main tbody tr:not(.dayr)").length === many, count);

/** From the bar of those who are chosen to what became of them. */
async function toChosen(action, confirmed, after = /C’est fait pour/) {
  await sophie.locator(".bulk").getByRole("button", { name: action, exact: true }).click();
  const dialog = sophie.getByRole("dialog").or(sophie.getByRole("alertdialog"));
  await dialog.getByRole("heading", { name: confirmed }).waitFor();
  await look(sophie, `console-confirm-${action.slice(0, 4)}`);
  await dialog.getByRole("button", { name: confirmed }).click();
  await dialog.getByText(after).waitFor();
  await look(sophie, `console-result-${action.slice(0, 4)}`);
  return dialog;
}

await play({
  async "three officials, one of whom administers"() {
    [sophie, karim, lucie] = [await arrive("Sophie", {}, true), await arrive("Karim", {}, true), await arrive("Lucie", {}, true)];
    for (const name of ["sophie", "karim", "lucie"]) await ask("state", `${name} of-culture`);
    await ask("state", "sophie administers-culture");
    await sophie.reload();
    await sophie.getByRole("link", { name: "Gestion" }).click();
  },
  async "the overview says what there is to see to, and leads there"() {
    await sophie.getByRole("heading", { name: "Vue d’ensemble" }).waitFor();
    await sophie.getByText(/Chaîne intacte/).waitFor();
    await look(sophie, "console-overview");
    await sophie.getByRole("link", { name: /^Comptes en tout\s*3$/ }).click();
    await sophie.getByText(/^3 comptes$/).waitFor();
    await listed(3);
    await sophie.getByRole("table", { name: "Personnes" }).waitFor();
    assert((await choose("Sophie").count()) === 0, "one may choose oneself");
    await look(sophie, "console-people");
  },
  async "two are locked at once: they see it on their devices, and it is undone"() {
    await choose("Karim").check();
    await choose("Lucie").check();
    await sophie.getByText("2 personnes choisies").waitFor();
    await look(sophie, "console-chosen");
    const dialog = await toChosen("Verrouiller", /^Verrouiller 2 comptes$/);
    for (const page of [karim, lucie]) await page.getByText("Votre compte est verrouillé").waitFor();
    await dialog.getByRole("button", { name: "Annuler cette action" }).click();
    await dialog.getByText(/C’est annulé pour 2/).waitFor();
    await dialog.getByRole("button", { name: "Fermer" }).last().click();
    for (const page of [karim, lucie]) {
      await page.reload().catch(() => undefined); // the page may be opening again by itself
      await page.getByRole("heading", { name: /^(Bienvenue, .*|Discussions)$/ }).first().waitFor();
    }
  },
  async "one is signed out everywhere, by keyboard"() {
    await sophie.getByRole("button", { name: "Ne plus choisir" }).click();
    await choose("Lucie").focus();
    await sophie.keyboard.press("Space");
    await sophie.getByText("1 personne choisie").waitFor();
    const dialog = await toChosen("Déconnecter partout", /^Déconnecter 1 personne partout$/);
    assert((await dialog.getByRole("button", { name: "Annuler cette action" }).count()) === 0, "signing out seems to be undone");
    await sophie.keyboard.press("Escape");
    await lucie.getByLabel("Adresse e-mail professionnelle").waitFor();
  },
  async "people are narrowed down by the server, and the address says how"() {
    await ask("state", "karim locked");
    await sophie.goto(`${server}/#/admin/culture/overview`);
    await sophie.getByRole("link", { name: /^Comptes verrouillés\s*1$/ }).click();
    await sophie.getByRole("button", { name: "Verrouillées", pressed: true }).waitFor();
    await listed(1);
    await sophie.getByText(/^1 compte correspond$/).waitFor();
    await look(sophie, "console-locked");
    await sophie.getByRole("button", { name: "Expirées" }).click();
    await sophie.getByText("Aucun résultat").waitFor();
    await sophie.getByRole("button", { name: "Toutes" }).click();
    await listed(3);
    await sophie.getByLabel("Nom, identifiant").fill("lucie");
    await listed(1);
    await sophie.getByLabel("Nom, identifiant").fill("");
    await listed(3);
  },
  async "what an organisation may not take back stays, and says why"() {
    await choose("Karim").check();
    const dialog = await toChosen("Déverrouiller", /^Déverrouiller 1 compte$/, /Cela a échoué pour 1/);
    await dialog.getByText(/eux seuls reviennent dessus/).waitFor();
    await sophie.keyboard.press("Escape");
    await ask("state", "karim open");
  },
  async "a table to take away"() {
    await choose("Karim").check();
    const [download] = await Promise.all([
      sophie.waitForEvent("download"),
      sophie.locator(".bulk").getByRole("button", { name: "Exporter" }).click(),
    ]);
    const rows = (await readFile(await download.path(), "utf8")).replace("\uFEFF", "").trim().split("\r\n");
    assert(rows.length === 2 && rows[0].startsWith("Nom;Identifiant;") && rows[1].includes("karim:"), rows.join("\n"));
  },
  async "the audit log by action, with names"() {
    await sophie.goto(`${server}/#/admin/culture/audit`);
    await sophie.getByLabel("Action", { exact: true }).selectOption("sign_out");
    await listed(1);
    await people().getByText(/lucie/i).first().waitFor();
    await sophie.getByLabel("Action", { exact: true }).selectOption("read_list");
    await people().getByText(/^Liste\s+Personnes$/).first().waitFor(); // by its name, under its day
    await sophie.getByRole("rowheader", { name: /^(Aujourd’hui|Hier)$/ }).first().waitFor();
    await sophie.getByLabel("Action", { exact: true }).selectOption("sign_out");
    await sophie.getByLabel("Période").selectOption("7");
    await listed(1);
    await look(sophie, "console-audit");
  },
  async "the audit log of one author, and what is taken away of it"() {
    const file = async (name) => {
      await sophie.getByRole("button", { name: "Exporter" }).click();
      const [download] = await Promise.all([sophie.waitForEvent("download"), sophie.getByRole("menuitem", { name }).click()]);
      return (await readFile(await download.path(), "utf8")).replace("\uFEFF", "").trim();
    };
    const author = sophie.getByLabel("Auteur", { exact: true });
    await author.selectOption(await author.locator("option", { hasText: /sophie/i }).getAttribute("value"));
    await listed(1);
    const rows = (await file(/^Tableur/)).split("\r\n");
    assert(rows.length === 2 && rows[0].startsWith("Numéro;") && rows[1].includes(";sophie:") && rows[1].includes(";sign_out;"), rows.join("\n"));
    const whole = JSON.parse(await file(/JSON/));
    assert(whole.chain.intact && whole.entries.length === 1 && whole.entries[0].action === "sign_out", JSON.stringify(whole).slice(0, 500));
    await sophie.getByLabel("Action", { exact: true }).selectOption("fetch_audit");
    await listed(2);
    await look(sophie, "console-audit-author");
  },
  async "the menu says how many there are, and what is to be seen to"() {
    await sophie.goto(`${server}/#/admin/culture/overview`);
    await sophie.getByRole("link", { name: "Personnes", exact: true }).getByText("3").waitFor();
    await look(sophie, "console-menu");
    await sophie.getByRole("link", { name: "Personnes", exact: true }).click();
    const lists = sophie.getByRole("navigation", { name: "Personnes" });
    await lists.getByRole("link", { name: "Personnes", exact: true }).and(sophie.locator("[aria-current=page]")).waitFor();
    await lists.getByRole("link", { name: "Anciens comptes" }).click();
    await sophie.getByRole("heading", { name: "Aucun ancien compte" }).waitFor();
    await look(sophie, "console-former");
    await sophie.getByRole("link", { name: /^À traiter/ }).click();
    await sophie.getByRole("navigation", { name: "À traiter" }).waitFor();
    await look(sophie, "console-todo");
  },
  async "in the dark, and on a phone"() {
    await sophie.emulateMedia({ colorScheme: "dark" });
    for (const view of ["overview", "people"]) {
      await sophie.goto(`${server}/#/admin/culture/${view}`);
      await sophie.locator("main tbody tr, main .overview").first().waitFor();
      await look(sophie, `console-dark-${view}`);
    }
    await sophie.setViewportSize({ width: 320, height: 640 }); // 1280 at 400 %
    for (const view of ["overview", "people", "audit"]) {
      await sophie.goto(`${server}/#/admin/culture/${view}`);
      await sophie.locator("main tbody tr, main .overview").first().waitFor();
      if (view === "people") await choose("Karim").check();
      await look(sophie, `console-phone-${view}`);
    }
  },
});
