// Everything by the keyboard: after each act the focus is where the next one is, and what happened was read aloud.
import { arrive, assert, createRoom, look, messages, play, press as pressed, say, sees, server, signInAgain, visit } from "./stage.mjs";
import { expectFocus, heard, listen, reach, walk } from "./hands_stage.mjs";

let anne; // who uses keys only
let karim;

const write = (text) => () => anne.keyboard.type(text);
const press = (role, name) => async () => {
  await reach(anne, role, name);
  await anne.keyboard.press("Enter");
};

/** The first thing on a screen leads to its content, past the rest. */
async function passes(page) {
  await page.getByRole("link", { name: "Aller au contenu" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("main:focus").waitFor();
}

await play({
  async "signing in and the first steps"() {
    karim = await arrive("Karim Haddad");
    anne = await visit();
    await listen(anne);
    await anne.goto(server);
    await walk(anne, [
      ["sign-in", "", "textbox", "Adresse e-mail professionnelle"],
      ["sign-in", "Enter", "textbox", "Adresse e-mail professionnelle", /^Écrivez votre adresse professionnelle/],
    ]);
    await passes(anne);
    await press("button", "Créer mon compte")();
    await anne.locator("#username").waitFor();
    await reach(anne, "textbox", /utilisateur|Identifiant|nom/i);
    await anne.keyboard.type("anne");
    await anne.keyboard.press("Tab");
    await anne.keyboard.type("correct horse anne");
    await anne.keyboard.press("Enter");
    let code;
    await walk(anne, [
      ["first step", "", "textbox", "Votre nom"],
      ["first step", "Control+a", "textbox", "Votre nom"],
      ["first step", write("Anne Martin"), "textbox", "Votre nom"],
      ["first step", "Enter", "heading", "Gardez ce code en lieu sûr"],
      ["code", press("button", "Copier"), "button", "Copié", "Copié"],
    ]);
    code = await anne.evaluate(() => navigator.clipboard.readText());
    await walk(anne, [
      ["code", () => reach(anne, "checkbox", /J’ai rangé ce code/), "checkbox", /J’ai rangé ce code/],
      ["code", "Space", "checkbox", /J’ai rangé ce code/],
      ["code", press("button", "Continuer"), "textbox", "Code de récupération"],
      ["typing it back", write("rien"), "textbox", "Code de récupération"],
      ["typing it back", "Enter", "textbox", "Code de récupération"],
      ["typing it back", "Control+a", "textbox", "Code de récupération"],
      ["typing it back", write(code), "textbox", "Code de récupération"],
      ["typing it back", "Enter", "heading", /^Bienvenue, Anne/],
    ]);
  },
  async "a room is made, and one writes in it at once"() {
    await walk(anne, [
      ["home", "Alt+n", "textbox", "Nom de la discussion"],
      ["new room", "Escape", "heading", /^Bienvenue, Anne/],
      ["home", "Alt+n", "textbox", "Nom de la discussion"],
      ["new room", write("Préfecture"), "textbox", "Nom de la discussion"],
      ["new room", "Enter", "textbox", "Écrire à Préfecture"],
      ["room", write("Bonjour"), "textbox", "Écrire à Préfecture"],
      ["room", "Enter", "textbox", "Écrire à Préfecture"],
    ]);
    await sees(anne, "Bonjour");
  },
  async "panels: the focus goes in, and back to what opened them"() {
    await walk(anne, [
      ["room", press("button", "Rechercher dans la discussion"), "textbox", "Rechercher dans la discussion"],
      ["search", "Escape", "button", "Rechercher dans la discussion"],
      ["room", press("button", "Membres"), "textbox", /./],
      ["members", () => reach(anne, "button", /^Anne Martin/), "button", /^Anne Martin/],
      ["members", "Enter", "heading", "Fiche"],
      ["card", press("button", "Membres"), "button", /^Anne Martin/],
      ["members", press("button", "Fermer"), "button", "Membres"],
      ["room", press("button", "Détails"), "heading", "Détails"],
      ["details", "Escape", "button", "Détails"],
    ]);
  },
  async "every place has its place"() {
    const switcher = ["combobox", "Rechercher ou aller à…"];
    await walk(anne, [
      ["room", "Control+k", ...switcher],
      ["switcher", "Escape", "button", "Détails"],
      ["room", "Control+k", ...switcher],
      ["switcher", write("Préf"), ...switcher],
      ["switcher", "Enter", "textbox", "Écrire à Préfecture"],
      ["room", press("link", "Forums"), "textbox", /^Chercher un forum/],
      ["forums", press("link", "Fichiers"), "textbox", /./],
      ["files", press("link", "Discussions"), "heading", /^Bienvenue, Anne/],
      ["home", () => reach(anne, "link", /^Préfecture/), "link", /^Préfecture/],
      ["list", "Enter", "textbox", "Écrire à Préfecture"],
      ["room", () => reach(anne, "link", /^Préfecture/, "Shift+Tab"), "link", /^Préfecture/],
      ["list, the room that is open", "Enter", "textbox", "Écrire à Préfecture"],
    ]);
  },
  async "settings: the page that is opened is read aloud"() {
    await walk(anne, [
      ["room", press("button", /Anne Martin/), "menuitem", "Mon état"],
      ["menu", "Enter", "radio", "Disponible"],
      ["dialog", "ArrowDown", "radio", "Occupé"],
      ["dialog", "Escape", "button", /Anne Martin/],
      ["room", press("button", /Anne Martin/), "menuitem", "Mon état"],
      ["menu", "ArrowDown", "menuitem", "Profil"],
      ["menu", "Enter", "heading", "Profil"],
      ["settings", press("link", "Apparence"), "heading", "Apparence"],
      ["appearance", "Tab", "radio", "Français"],
      ["appearance", async () => assert((await anne.locator(".seg label:has(:focus-visible)").evaluate((each) => getComputedStyle(each).outlineStyle)) !== "none", "nobody sees which choice has the focus"), "radio", "Français"],
      ["settings", press("link", "Confidentialité"), "heading", "Confidentialité"],
      ["settings", press("link", "Appareils et récupération"), "heading", "Appareils et récupération"],
      ["settings", press("link", "Notifications"), "heading", "Notifications"],
    ]);
  },
  async "somebody invites: one accepts, and writes"() {
    await createRoom(karim, "Digues", "Privée", ["Anne"]);
    await say(karim, "Bonjour Anne");
    await walk(anne, [
      ["settings", press("link", "Discussions"), "heading", /^Bienvenue, Anne/],
      ["home", async () => { await anne.getByRole("button", { name: "Rejoindre Digues" }).waitFor(); await press("button", "Rejoindre Digues")(); }, "textbox", "Écrire à Digues"],
      ["room", write("Bonjour à tous"), "textbox", "Écrire à Digues"],
      ["room", "Enter", "textbox", "Écrire à Digues"],
    ]);
    await sees(karim, "Bonjour à tous");
  },
  async "messages are one stop of the tab key, and the arrows go through them and what can be done with each"() {
    for (const text of ["Un", "Deux", "Trois"]) await say(karim, text);
    await sees(anne, "Trois");
    const stops = () => anne.evaluate(() => [...document.querySelectorAll(".tl a, .tl button, .tl [tabindex]")].filter((each) => each.tabIndex >= 0).length);
    assert((await stops()) === 1, `${await stops()} stops of the tab key among the messages`);
    const message = ["article", /^(Karim Haddad|Vous), /];
    await walk(anne, [
      ["field", "Shift+F6", ...message],
      ["messages", "ArrowUp", ...message],
      ["messages", "ArrowUp", ...message],
      ["messages", "Home", "button", /^Karim Haddad a créé la discussion, /],
      ["what happened", "Enter", "button", /^Karim Haddad a créé la discussion, /],
      ["what happened", () => anne.locator("p.eventline", { hasText: "Les messages sont chiffrés" }).waitFor(), "button", /^Karim Haddad a créé/],
      ["what happened", "Enter ArrowDown", ...message],
      ["messages", "End", ...message],
      ["messages", () => anne.waitForFunction(() => document.activeElement === [...document.querySelectorAll(".tl article")].at(-1)), ...message],
      ["messages", "Enter", "button", /Karim Haddad|Réagir/],
      ["actions", "Escape", ...message],
      ["messages", "ArrowLeft", "button", "Plus d’actions"],
      ["actions", "Enter", "menuitem", /./],
      ["menu", "Escape", "button", "Plus d’actions"],
      ["actions", "ArrowRight", ...message],
      ["messages", "Shift+F10", "menuitem", /./],
      ["menu", "Escape", "button", "Plus d’actions"],
      ["actions", "Escape", ...message],
      ["messages", "Tab", "textbox", "Écrire à Digues"],
      ["field", "Shift+Tab", ...message],
      ["messages", "Escape", "textbox", "Écrire à Digues"],
    ]);
    const described = await anne.evaluate(() => document.getElementById([...document.querySelectorAll(".tl article")].at(-1).getAttribute("aria-describedby")).innerText);
    assert(described.includes("Trois"), `a message is described by ${described}`);
    assert((await stops()) === 1, `${await stops()} stops of the tab key among the messages afterwards`);
  },
  async "what arrives is read aloud once, in words"() {
    await say(karim, "Réunion **ce matin**, avec `Anne`");
    await heard(anne, "Karim Haddad : Réunion ce matin, avec Anne");
    for (const text of ["Un", "Deux", "Trois"]) await heard(anne, new RegExp(`^Karim Haddad : (.* : )?${text}$`));
    const wrong = await anne.evaluate(() => window.said.filter((each) => /verrouillé|s’ouvre pas|écrit…|Chargement des messages/.test(each)));
    assert(!wrong.length, `nobody would say: ${wrong}`);
  },
  async "one’s own message is edited and deleted by keys"() {
    await walk(anne, [
      ["field", "ArrowUp", "textbox", "Écrire à Digues"],
      ["editing", "Escape", "textbox", "Écrire à Digues"],
      ["field", "Shift+F6", "article", /^Karim/],
      ["messages", () => reach(anne, "article", /^Vous/, "ArrowUp"), "article", /^Vous/],
      ["messages", "Shift+F10", "menuitem", /./],
      ["menu", async () => { await anne.keyboard.type("Supp"); await anne.keyboard.press("Enter"); }, "textbox", /raison/i],
      ["deleting", "Escape", "button", "Plus d’actions"],
      ["actions", "Enter", "menuitem", /./],
      ["menu", async () => { await anne.keyboard.type("Supp"); await anne.keyboard.press("Enter"); }, "textbox", /raison/i],
      ["deleting", "Enter", "article", /^Vous/],
    ]);
    await karim.getByText("Message supprimé").waitFor();
    await walk(anne, [["messages", "Escape", "textbox", "Écrire à Digues"]]);
  },
  async "what comes with the pointer goes with Escape, and comes again with it"() {
    const row = messages(anne).getByRole("article").last();
    const bar = row.getByRole("toolbar", { name: "Actions sur le message" });
    const opacity = (wanted) => anne.waitForFunction((value) => [...document.querySelectorAll(".tl article")].at(-1).querySelector(".hovbar") && getComputedStyle([...document.querySelectorAll(".tl article")].at(-1).querySelector(".hovbar")).opacity === value, wanted);
    await anne.getByTestId("composer").focus();
    await row.hover();
    await opacity("1");
    await anne.keyboard.press("Escape");
    await opacity("0");
    await anne.getByTestId("composer").hover();
    await row.hover();
    await opacity("1");
    await anne.getByTestId("composer").hover();
    assert((await bar.count()) === 1, "the actions are gone for good");
  },
  async "the search is reached alike from everywhere"() {
    for (const place of ["forums", "files", "settings", ""]) {
      await anne.goto(`${server}/#/${place}`);
      await anne.getByRole("navigation", { name: "Navigation" }).getByRole("link", { name: "Recherche" }).waitFor();
    }
    await anne.getByRole("navigation", { name: "Navigation" }).getByRole("link", { name: "Recherche" }).click();
    await anne.getByRole("heading", { name: "Recherche" }).waitFor();
    await passes(anne);
    await anne.goto(`${server}/#/`);
    await anne.getByRole("link", { name: /Digues/ }).first().click();
    await anne.getByTestId("composer").waitFor();
  },
  async "people are chosen by keys: the hands stay in the field"() {
    const members = ["combobox", /^Membres/];
    await walk(anne, [
      ["room", "Alt+n", "textbox", "Nom de la discussion"],
      ["new room", write("Cabinet"), "textbox", "Nom de la discussion"],
      ["new room", () => reach(anne, ...members), ...members],
      ["new room", write("karim"), ...members, /^1 personne trouvée/],
      ["new room", "ArrowDown", ...members],
      ["new room", "Enter", ...members, "Choix ajouté : Karim Haddad"],
      ["new room", "Enter", "textbox", "Écrire à Cabinet"],
      ["room", "Control+k", "combobox", "Rechercher ou aller à…"],
      ["switcher", write("digues"), "combobox", "Rechercher ou aller à…"],
      ["switcher", "Enter", "textbox", "Écrire à Digues"],
    ]);
  },
  async "a direct conversation is begun by a name and two strokes"() {
    await walk(anne, [
      ["room", press("link", "Discussions"), "heading", /^Bienvenue, Anne/],
      ["home", press("button", /^Écrire à/), "combobox", "À qui ?"],
      ["new direct", write("kar"), "combobox", "À qui ?"],
      ["new direct", () => anne.getByRole("option", { name: /Karim/ }).waitFor(), "combobox", "À qui ?"],
      ["new direct", "Enter", "combobox", "À qui ?"],
      ["new direct", "Enter", "textbox", "Écrire à Karim Haddad"],
      ["room", "Control+k", "combobox", "Rechercher ou aller à…"],
      ["switcher", write("digues"), "combobox", "Rechercher ou aller à…"],
      ["switcher", "Enter", "textbox", "Écrire à Digues"],
    ]);
  },
  async "how many were found is said"() {
    await anne.keyboard.press("Control+k");
    const nothing = await anne.evaluate(() => window.said.some((each) => each.startsWith("Rien de ce nom")));
    assert(!nothing, "nothing was found before anything was asked for");
    await anne.keyboard.type("digues");
    await anne.waitForFunction(() => window.said.some((each) => /^[1-9]\d* résultats?\. /.test(each)));
    await anne.keyboard.press("Escape");
    await expectFocus(anne, "room", "textbox", "Écrire à Digues");
  },
  async "what is kept, a reaction, an edit: the hands are at the next act"() {
    await say(anne, "À relire");
    await messages(anne).locator("[data-event^='$']").filter({ hasText: "À relire" }).waitFor();
    await pressed(anne, "À relire", "Réagir");
    await expectFocus(anne, "reactions", "button", "👍");
    await anne.getByRole("button", { name: "Autre émoji" }).press("Enter");
    await expectFocus(anne, "all reactions", "textbox", "Chercher un émoji");
    await anne.keyboard.press("Escape");
    await anne.evaluate(() => window.said.splice(0));
    await anne.getByTestId("composer").press("ArrowUp");
    await heard(anne, "Modification de votre message");
    await anne.keyboard.press("Escape");
    await anne.getByRole("link", { name: /^À traiter/ }).click();
    await expectFocus(anne, "kept for later", "heading", "À traiter");
    await anne.getByRole("link", { name: /^Digues/ }).click();
    await expectFocus(anne, "room", "textbox", "Écrire à Digues");
  },
  async "a conversation of two begins with words; the line of what is new goes when one answers"() {
    await walk(anne, [
      ["room", "Control+k", "combobox", "Rechercher ou aller à…"],
      ["switcher", write("karim"), "combobox", "Rechercher ou aller à…"],
      ["switcher", () => anne.getByRole("option", { name: /Karim Haddad/ }).first().waitFor(), "combobox", "Rechercher ou aller à…"],
      ["switcher", "Enter", "textbox", "Écrire à Karim Haddad"],
      ["direct", write("Bonjour Karim"), "textbox", "Écrire à Karim Haddad"],
      ["direct", "Enter", "textbox", "Écrire à Karim Haddad"],
    ]);
    await karim.getByRole("button", { name: /^Rejoindre Anne/ }).click();
    await sees(karim, "Bonjour Karim");
    for (const page of [anne, karim]) assert((await page.locator(".tl").first().getByText(/a créé|a invité|sont chiffrés/).count()) === 0, "a conversation of two begins with what the machine did");
    await karim.getByRole("link", { name: /^Digues/ }).click();
    await say(karim, "Du nouveau");
    await anne.getByRole("link", { name: /^Digues.*Du nouveau/ }).waitFor();
    await walk(anne, [
      ["direct", "Control+k", "combobox", "Rechercher ou aller à…"],
      ["switcher", write("digues"), "combobox", "Rechercher ou aller à…"],
      ["switcher", "Enter", "textbox", "Écrire à Digues"],
    ]);
    await anne.getByText("Nouveaux messages", { exact: true }).waitFor();
    await walk(anne, [
      ["room", write("Merci"), "textbox", "Écrire à Digues"],
      ["room", "Enter", "textbox", "Écrire à Digues"],
    ]);
    await anne.getByText("Nouveaux messages", { exact: true }).waitFor({ state: "detached", timeout: 5000 });
  },
  async "in forced colours every field has an edge, and what is chosen is seen"() {
    await anne.emulateMedia({ forcedColors: "active" });
    const style = (selector) => anne.locator(selector).first().evaluate((each) => {
      const { borderTopStyle, backgroundColor, outlineStyle } = getComputedStyle(each);
      return { borderTopStyle, backgroundColor, outlineStyle };
    });
    for (const each of [".composer", ".seek", ".chip", ".send"]) assert((await style(each)).borderTopStyle !== "none", `${each} has no edge`);
    const [chosen, other] = [await style(".chip[aria-pressed=true]"), await style(".chip[aria-pressed=false]")];
    assert(chosen.backgroundColor !== other.backgroundColor, "a filter that is on looks like the others");
    assert((await style(".room[aria-current]")).outlineStyle !== "none", "the room that is open looks like the others");
    await look(anne, "hands-forced-colours");
    await anne.keyboard.press("Alt+n");
    await anne.getByRole("dialog").waitFor();
    assert((await style(".dialog .input")).borderTopStyle !== "none", "a field of a dialog has no edge");
    assert((await style(".choice:has(:checked)")).outlineStyle !== "none", "what is chosen in a dialog looks like the rest");
    await look(anne, "hands-forced-dialog");
    await anne.keyboard.press("Escape");
    await anne.emulateMedia({ forcedColors: "none" });
  },
  async "at 400 % there is room for messages, whatever is said above them"() {
    await anne.setViewportSize({ width: 360, height: 225 });
    await anne.context().setOffline(true);
    await anne.locator(".banner").waitFor();
    const heights = await anne.evaluate(() => ({ messages: document.querySelector(".tl").clientHeight, below: document.querySelector("[data-testid=composer]").getBoundingClientRect().bottom, window: innerHeight }));
    assert(heights.messages >= 56 && heights.below <= heights.window, `no room is left: ${JSON.stringify(heights)}`);
    await look(anne, "hands-400");
    await anne.context().setOffline(false);
    await anne.locator(".banner").waitFor({ state: "detached" });
    await anne.setViewportSize({ width: 1440, height: 900 });
  },
  async "a request to confirm takes nobody’s hands"() {
    const other = await signInAgain("anne", "correct horse anne");
    await walk(anne, [["room", write("Je suis en train d’"), "textbox", "Écrire à Digues"]]);
    await other.getByRole("button", { name: /^Avec un autre de vos appareils/ }).click();
    await heard(anne, /^Un autre de vos appareils demande à être confirmé/);
    await walk(anne, [
      ["room", write("écrire"), "textbox", "Écrire à Digues"],
      ["room", () => reach(anne, "button", "Voir la demande", "F6", 6), "button", "Voir la demande"],
    ]);
    assert((await anne.getByTestId("composer").inputValue()) === "Je suis en train d’écrire", "what was typed went elsewhere");
    await look(anne, "hands-asked");
    await anne.keyboard.press("Enter");
    await anne.getByRole("dialog").waitFor();
    await anne.keyboard.press("Escape");
    await expectFocus(anne, "request, after Escape", "textbox", "Écrire à Digues");
    await other.context().close();
  },
  async "on a phone no keyboard comes up by itself: the heading is read"() {
    const phone = await signInAgain("anne", "correct horse anne", { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await walk(phone, [
      ["confirm", "", "heading", "Confirmez cet appareil"],
      ["confirm", () => phone.getByRole("button", { name: "Plus tard" }).tap(), "heading", "Discussions"],
      ["list", () => phone.getByRole("link", { name: /^Préfecture/ }).tap(), "heading", "Préfecture"],
      ["room", () => phone.getByRole("link", { name: /discussions/i }).first().tap(), "link", /^Préfecture/],
    ]);
    await phone.context().close();
  },
  async "what goes away under the hands leaves them a place"() {
    await anne.keyboard.press("Control+a");
    await anne.keyboard.press("Delete");
    await walk(anne, [
      ["room", press("button", "Détails"), "heading", "Détails"],
      ["details", press("button", /Quitter/), "button", "Annuler"],
      ["leaving", "Escape", "button", /Quitter/],
      ["details", "Enter", "button", "Annuler"],
      ["leaving", async () => { await anne.keyboard.press("Tab"); await anne.keyboard.press("Enter"); }, "heading", /^Bienvenue, Anne/],
    ]);
  },
});
