// A room from its making to its end: what is said in it, by whom, how it is found again.
import { act, arrive, assert, attach, createRoom, look, messages, play, press, say, sees, server } from "./stage.mjs";

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNkYPhfz0AEYBxVSF+FAP5FDvcfRYWgAAAAAElFTkSuQmCC", "base64");
const ROOM = "Cellule de crise";
let claire;
let mehdi;

const open = async (page, name) => page.getByRole("link", { name: new RegExp(name) }).first().click();
const panel = (page) => page.getByRole("complementary");
const tool = (page, name) => page.locator("main header").getByRole("button", { name }).first().click();

await play({
  async "a private room is made by its kind, with a person in it"() {
    claire = await arrive("Claire Vasseur [Préfecture du Rhône]");
    mehdi = await arrive("Mehdi Benali [SDIS du Rhône]");
    await claire.getByRole("button", { name: "Nouvelle discussion" }).first().click();
    await look(claire, "create");
    await claire.getByRole("button", { name: "Créer la discussion" }).click();
    await claire.getByText("Donnez un nom").waitFor();
    await claire.keyboard.press("Escape");
    await claire.getByRole("dialog").waitFor({ state: "detached" });
    await createRoom(claire, ROOM, "Privée", ["Mehdi"]);
    await mehdi.getByRole("status").getByText(/^Claire Vasseur vous invite dans «\s.*\s»$/).waitFor(); // read aloud, once
    assert(/^\(1\) /.test(await mehdi.title()), `the title counts it: ${await mehdi.title()}`);
    const invitation = mehdi.locator(".inv", { hasText: ROOM });
    await invitation.getByText("Claire Vasseur vous invite", { exact: true }).waitFor();
    await invitation.getByText("Préfecture du Rhône", { exact: true }).waitFor();
    await look(mehdi, "invited");
    await mehdi.getByRole("button", { name: `Rejoindre ${ROOM}` }).click();
    await sees(claire, "Mehdi Benali a rejoint");
  },
  async "markdown becomes rich text, and nothing that harms"() {
    await say(claire, "Le point est à **19 h**, voir `plan.md`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> cité\n\n- un\n- deux\n\n```js\nlet x = 1;\n```");
    for (const tag of ["strong", "code", "table", "blockquote", "li", "pre"]) await messages(mehdi).locator(`.rich ${tag}`).first().waitFor();
    await mehdi.getByText(/Le point est à 19 h, voir plan\.md a b 1 2 cité • un • deux let x = 1;/).first().waitFor(); // in the list
    await say(claire, '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script> texte');
    await sees(mehdi, "texte");
    assert(!(await mehdi.evaluate(() => window.hurt)), "a script of a message ran");
  },
  async "a reply, an edit with its versions, a reaction"() {
    await say(claire, "Les deux ponts sont fermes");
    await sees(mehdi, "Les deux ponts");
    await press(mehdi, "Les deux ponts", "Répondre");
    await say(mehdi, "Bien reçu");
    await messages(claire).getByRole("button", { name: /Réponse à.*Claire Vasseur/ }).waitFor();
    await claire.getByTestId("composer").fill("");
    await claire.getByTestId("composer").press("ArrowUp");
    assert((await claire.getByTestId("composer").inputValue()) === "Les deux ponts sont fermes", "arrow up edits the last message");
    await say(claire, "Les deux ponts sont fermés");
    await messages(mehdi).getByRole("button", { name: "modifié" }).first().click();
    await mehdi.getByRole("dialog").getByText("Les deux ponts sont fermes").waitFor();
    await mehdi.keyboard.press("Escape");
    await press(mehdi, "Les deux ponts sont fermés", "Réagir");
    await mehdi.getByRole("button", { name: "👍", exact: true }).click();
    const reaction = messages(claire).getByRole("button", { name: /👍\s: 1/ });
    await reaction.click();
    await messages(mehdi).getByRole("button", { name: /👍\s: 2/ }).waitFor();
    await messages(claire).getByRole("button", { name: /👍\s: 2/ }).click();
    await reaction.waitFor();
    await look(claire, "room");
  },
  async "a thread beside the conversation"() {
    await press(mehdi, "Les deux ponts sont fermés", "Répondre dans un fil");
    await panel(mehdi).getByText("Les deux ponts sont fermés").first().waitFor();
    assert((await panel(mehdi).getByRole("article").count()) === 1, "a thread that is begun shows the whole room");
    await mehdi.waitForFunction(() => document.activeElement.closest("aside, [role=complementary]") && document.activeElement.dataset.testid === "composer");
    await mehdi.keyboard.type("Dans le fil");
    await mehdi.keyboard.press("Enter");
    await messages(claire).getByRole("button", { name: /1 réponse/ }).click();
    await panel(claire).getByText("Dans le fil").first().waitFor();
    await say(claire, "Réponse du fil", panel(claire));
    await panel(mehdi).getByText("Réponse du fil").first().waitFor();
    await panel(mehdi).getByText("Dans le fil").first().waitFor(); // what was sent before that has stayed
    assert((await messages(mehdi).getByText("Réponse du fil").count()) === 0, "a reply of a thread shows in the room");
    await look(claire, "thread");
    await claire.keyboard.press("Escape");
    await panel(claire).waitFor({ state: "detached" });
  },
  async "a poll is voted and ended"() {
    await claire.getByRole("button", { name: /^Joindre/ }).click();
    await claire.getByRole("menuitem", { name: "Sondage" }).click();
    await claire.getByLabel("Question").fill("Quelle heure ?");
    await claire.getByLabel("Réponse 1").fill("11 h 30");
    await claire.getByLabel("Réponse 2").fill("14 h");
    await look(claire, "poll");
    await claire.getByRole("button", { name: "Envoyer le sondage" }).click();
    await messages(mehdi).getByRole("button", { name: /14 h/ }).click();
    await messages(claire).getByRole("button", { name: /14 h.*1 voix/ }).waitFor();
    await act(claire, "Quelle heure ?", "Terminer le sondage");
    await messages(mehdi).getByText("Sondage terminé").waitFor();
  },
  async "pictures, voice messages and long pastes"() {
    await attach(claire, { name: "carte.png", mimeType: "image/png", buffer: PICTURE });
    await messages(mehdi).getByRole("img", { name: /carte.png/ }).waitFor();
    await messages(mehdi).getByRole("button", { name: /Ouvrir l’image/ }).click();
    await mehdi.getByRole("dialog").getByRole("img").waitFor();
    await mehdi.keyboard.press("Escape");
    await claire.getByRole("button", { name: "Message vocal" }).click();
    await claire.waitForTimeout(1500);
    await claire.getByRole("button", { name: "Envoyer le message vocal" }).click();
    const listen = messages(mehdi).getByRole("button", { name: /^Écouter/ });
    await listen.waitFor();
    await claire.getByTestId("composer").focus();
    await claire.evaluate(() => navigator.clipboard.writeText("ligne de journal\n".repeat(400)));
    await claire.keyboard.press("Control+V");
    await claire.getByRole("button", { name: "Joindre en fichier" }).click();
    await claire.getByText(/^1 fichier prêt/).waitFor();
    await claire.getByTestId("composer").press("Enter");
    await sees(mehdi, "texte.txt");
  },
  async "emoji by their groups, by words of either language, by keys; those that one uses first"() {
    const picker = claire.getByRole("dialog", { name: "Insérer un émoji" });
    const opened = async () => {
      await claire.getByTestId("composer").press("Escape");
      await claire.locator("main").getByRole("button", { name: "Insérer un émoji", exact: true }).click();
      await picker.getByRole("tab", { name: "Visages et émotions" }).waitFor();
    };
    await opened();
    await picker.getByRole("tab", { name: "Visages et émotions", selected: true }).focus();
    await claire.keyboard.press("ArrowRight");
    await picker.getByRole("tabpanel", { name: "Personnes et gestes" }).getByRole("button", { name: "pouce levé" }).waitFor();
    await look(claire, "emoji");
    await picker.getByLabel("Chercher un émoji").fill("rocket");
    await picker.getByText(/^\d+\sémojis?$/).waitFor();
    await picker.getByLabel("Chercher un émoji").fill("fusee");
    await claire.keyboard.press("ArrowDown");
    await claire.waitForFunction(() => document.activeElement?.getAttribute("aria-label") === "fusée");
    await claire.keyboard.press("Enter");
    await picker.waitFor({ state: "detached" });
    await claire.getByTestId("composer").press("Enter");
    await sees(mehdi, "🚀");
    await opened();
    await picker.getByRole("tab", { name: "Les plus utilisés", selected: true }).waitFor();
    await picker.getByRole("button", { name: "fusée" }).waitFor();
    await claire.keyboard.press("Escape");
    await picker.waitFor({ state: "detached" });
  },
  async "mentions, emoji and commands are completed"() {
    await mehdi.keyboard.press("Escape");
    await mehdi.getByRole("link", { name: "Forums" }).click();
    const box = claire.getByTestId("composer");
    await box.pressSequentially("Bonjour @meh");
    await claire.getByRole("option", { name: /Mehdi Benali/ }).waitFor();
    await look(claire, "mention");
    await box.press("Enter");
    await box.pressSequentially("où es-tu ? :pouce");
    await claire.getByRole("option", { name: /pouce levé/ }).waitFor();
    await box.press("Tab");
    await box.press("Enter");
    await sees(claire, "où es-tu ?");
    await messages(claire).getByText("@Mehdi Benali").waitFor();
    await mehdi.getByRole("link", { name: "Discussions" }).click();
    await mehdi.getByRole("link", { name: new RegExp(`${ROOM}.*@ 1`) }).waitFor();
    await look(mehdi, "list-mention");
    await mehdi.getByRole("button", { name: "Mentions", exact: true }).click();
    await open(mehdi, ROOM);
    await mehdi.getByRole("button", { name: "Tout", exact: true }).click();
    await sees(mehdi, "où es-tu ?");
    await box.pressSequentially("/");
    await claire.getByRole("option", { name: "/topic" }).waitFor();
    await box.pressSequentially("topic Crue de la Saône");
    await box.press("Enter");
    await sees(mehdi, "Claire Vasseur a changé le sujet : Crue de la Saône");
    await say(claire, "/nimporte");
    await claire.getByText("La commande /nimporte n’existe pas").waitFor();
    await box.fill("");
  },
  async "text is formatted as it is written"() {
    await claire.getByRole("button", { name: "Mise en forme" }).click();
    const box = claire.getByTestId("composer");
    await box.click();
    await box.pressSequentially("Consigne **urgente** pour ");
    await box.locator("strong").filter({ hasText: "urgente" }).waitFor();
    await box.pressSequentially("@meh");
    await claire.getByRole("option", { name: /Mehdi Benali/ }).click();
    await claire.keyboard.press("Shift+Enter");
    await claire.keyboard.type("voir 2 * 3 * 4 ");
    await box.locator("strong").filter({ hasText: "urgente" }).waitFor();
    await claire.getByRole("button", { name: "Lien" }).click();
    await claire.getByLabel("Adresse du lien").fill("javascript:alert(1)");
    await claire.getByRole("button", { name: "Ajouter", exact: true }).click();
    await claire.getByText("Cette adresse n’est pas valable").waitFor();
    await look(claire, "link");
    await claire.getByLabel("Adresse du lien").fill("www.service-public.fr");
    await claire.getByRole("button", { name: "Ajouter", exact: true }).click();
    await box.getByRole("link", { name: "https://www.service-public.fr" }).waitFor();
    await look(claire, "rich");
    await box.press("Enter");
    const sent = messages(mehdi).getByRole("article").filter({ hasText: "Consigne urgente" }).last();
    await sent.locator("strong").filter({ hasText: "urgente" }).waitFor();
    await sent.getByText("voir 2 * 3 * 4").waitFor();
    await sent.getByRole("link", { name: "https://www.service-public.fr" }).waitFor();
    await sent.getByText("@Mehdi Benali").waitFor();
    await box.pressSequentially("- pompes");
    await claire.keyboard.press("Shift+Enter");
    await claire.keyboard.type("sacs");
    await box.locator("li").filter({ hasText: "sacs" }).waitFor();
    await box.press("Enter");
    await messages(mehdi).locator("li li, article li").filter({ hasText: "sacs" }).last().waitFor();
    assert((await box.innerText()).trim() === "", "the field is not empty after sending");
    await box.press("ArrowUp");
    await box.locator("li").filter({ hasText: "pompes" }).waitFor();
    await box.press("Escape");
    await claire.getByRole("button", { name: "Mise en forme" }).click();
    await claire.locator("textarea").first().waitFor();
  },
  async "reading is told, typing is told"() {
    await say(claire, "Lis-moi");
    await messages(claire).getByText("Vu par Mehdi Benali").first().waitFor();
    await mehdi.getByTestId("composer").pressSequentially("Je tape");
    await claire.locator(".typingline").filter({ hasText: "écrit…" }).first().waitFor();
    await mehdi.getByTestId("composer").fill("");
  },
  async "pins, forwarding, deleting with a reason, reporting"() {
    await act(claire, "Lis-moi", "Épingler");
    await tool(claire, "1 message épinglé");
    await panel(claire).getByText("Lis-moi").waitFor();
    await look(claire, "pins");
    await createRoom(claire, "Autre salle");
    await open(claire, ROOM);
    await act(claire, "Lis-moi", "Transférer");
    await claire.getByRole("checkbox", { name: /Autre salle/ }).check();
    await claire.getByRole("button", { name: "Transférer", exact: true }).click();
    await open(claire, "Autre salle");
    await sees(claire, "Lis-moi");
    await open(claire, ROOM);
    await say(claire, "À retirer");
    await act(claire, "À retirer", "Supprimer");
    await claire.getByLabel("Raison").fill("erreur");
    await look(claire, "delete");
    await claire.getByRole("button", { name: "Supprimer", exact: true }).click();
    await sees(mehdi, "Message supprimé (erreur)");
    await act(mehdi, "Lis-moi", "Signaler");
    await mehdi.getByLabel("Que se passe-t-il ?").fill("essai");
    await mehdi.getByRole("button", { name: "Signaler" }).click();
    await mehdi.getByRole("dialog").waitFor({ state: "detached" });
  },
  async "messages are found again, encrypted ones too"() {
    await claire.keyboard.press("Control+k");
    const box = claire.getByRole("combobox");
    await box.fill("ponts");
    await claire.getByRole("option", { name: /Les deux ponts sont fermés/ }).waitFor();
    await look(claire, "switcher");
    await box.press("Enter");
    await sees(claire, "Les deux ponts");
    await tool(claire, "Rechercher dans la discussion");
    await panel(claire).getByLabel("Rechercher dans la discussion").fill("recu");
    await panel(claire).getByRole("button", { name: /Bien reçu/ }).click();
    await look(claire, "search");
    await panel(claire).getByRole("button", { name: "Premier message" }).click();
    await claire.getByRole("complementary").getByRole("button", { name: "Fermer" }).click();
    await claire.getByRole("link", { name: "Fichiers" }).click();
    await claire.getByRole("button", { name: /carte.png/ }).waitFor();
    await look(claire, "files");
    await claire.getByRole("button", { name: /carte.png/ }).click();
    await messages(claire).getByRole("img", { name: /carte.png/ }).waitFor();
  },
  async "a message that is scheduled waits, and can leave now"() {
    await claire.getByTestId("composer").fill("Plus tard");
    await claire.getByRole("button", { name: /^Joindre/ }).click();
    await claire.getByRole("menuitem", { name: "Envoyer plus tard" }).click();
    await look(claire, "schedule");
    await claire.getByRole("dialog").locator(".wa").first().click();
    await claire.getByText(/Un message partira/).waitFor();
    assert((await messages(mehdi).getByText("Plus tard").count()) === 0, "it left at once");
    await claire.getByRole("button", { name: "Envoyer maintenant" }).click();
    await sees(mehdi, "Plus tard");
  },
  async "a draft survives a reload"() {
    await claire.getByTestId("composer").fill("Brouillon important");
    await claire.waitForTimeout(600);
    await claire.reload();
    await claire.getByTestId("composer").waitFor();
    assert((await claire.getByTestId("composer").inputValue()) === "Brouillon important", "the draft is gone");
    await open(claire, "Autre salle");
    await claire.getByText("Brouillon :").waitFor();
    await open(claire, ROOM);
    await claire.getByTestId("composer").fill("");
  },
  async "members have roles, can be removed, banned, and asked back"() {
    await tool(claire, "Membres");
    await look(claire, "members");
    await panel(claire).getByRole("button", { name: /Mehdi Benali/ }).click();
    await panel(claire).getByLabel("Rôle").selectOption("50");
    await panel(claire).getByRole("definition").filter({ hasText: "Modérateur" }).waitFor();
    await mehdi.getByTestId("composer").fill("Je n’ai pas fini");
    await panel(claire).getByRole("button", { name: "Exclure de la discussion" }).click();
    await claire.getByRole("alertdialog").getByLabel("Raison (facultatif)").fill("Changement de service");
    await claire.getByRole("alertdialog").getByRole("button", { name: "Exclure de la discussion" }).click();
    await sees(claire, "Claire Vasseur a exclu Mehdi Benali");
    for (const said of ["Claire Vasseur vous a exclu de cette discussion", "Changement de service", "Vous ne pourrez pas revenir"]) await mehdi.getByRole("alert").getByText(said).waitFor();
    await sees(mehdi, "Plus tard"); // what was said until then
    assert((await mehdi.getByRole("button", { name: "Essayer d’entrer" }).count()) === 0, "who is banned is told to try");
    await mehdi.getByRole("button", { name: "Copier mon brouillon" }).click();
    assert((await mehdi.evaluate(() => navigator.clipboard.readText())) === "Je n’ai pas fini", "the draft is gone");
    await look(mehdi, "had-to-leave");
    await panel(claire).getByRole("button", { name: "Membres" }).click();
    await panel(claire).getByRole("button", { name: "Lever l’exclusion Mehdi Benali" }).click();
    await panel(claire).getByRole("button", { name: "Inviter" }).click();
    await claire.getByRole("dialog").getByLabel("Membres").fill("Mehdi");
    await claire.getByRole("listbox", { name: "Personnes trouvées" }).getByRole("option").first().click();
    await look(claire, "invite");
    await claire.getByRole("button", { name: "Inviter 1 personne" }).click();
    await mehdi.getByRole("button", { name: `Rejoindre ${ROOM}` }).click();
    await sees(mehdi, "Plus tard");
  },
  async "the room's settings: name, notifications, favourite, knocking, guests"() {
    await tool(claire, "Détails");
    await panel(claire).getByRole("button", { name: "Modifier" }).click();
    await panel(claire).getByLabel("Nom de la discussion").fill(" ");
    await panel(claire).getByLabel("Nom de la discussion").press("Enter");
    await panel(claire).getByRole("alert").filter({ hasText: /^Il manque quelque chose ici\s: Nom de la discussion\.$/ }).waitFor(); // not the browser
    await look(claire, "form-missing");
    await panel(claire).getByLabel("Nom de la discussion").fill("Cellule de crise – Saône");
    await panel(claire).getByRole("button", { name: "Enregistrer" }).click();
    await claire.getByRole("heading", { level: 1, name: "Cellule de crise – Saône" }).waitFor();
    await panel(claire).getByRole("button", { name: "Ajouter aux favoris" }).click();
    await claire.getByRole("heading", { name: "Favoris" }).waitFor();
    await panel(claire).getByText("Rien", { exact: true }).click();
    await claire.getByText("en sourdine").waitFor();
    await panel(claire).getByText("Tout", { exact: true }).click();
    await panel(claire).getByRole("switch", { name: "On peut demander à entrer" }).click();
    await panel(claire).getByRole("switch", { name: "On peut demander à entrer", checked: true }).waitFor();
    await look(claire, "details");
    await panel(claire).getByRole("button", { name: "Ouvrir aux invités externes" }).click();
    await claire.getByRole("alertdialog").getByRole("button", { name: "Ouvrir" }).click();
    await claire.locator("main header").getByText("Ouvert aux invités").first().waitFor();
    await say(claire, "mot de passe : soleil2026");
    await claire.getByText("semble contenir un mot de passe").waitFor();
    await look(claire, "worry");
    await claire.getByRole("button", { name: "Modifier", exact: true }).last().click();
    await say(claire, "DIFFUSION RESTREINTE : plan");
    await claire.getByText("porte une mention de protection").waitFor();
    await claire.getByRole("button", { name: "Envoyer quand même" }).click();
    await sees(mehdi, "DIFFUSION RESTREINTE");
  },
  async "somebody asks to come in and is let in; another leaves"() {
    const id = await claire.evaluate(() => decodeURIComponent(location.hash.split("/")[2].split("?")[0]));
    await mehdi.goto(`${server}/#/room/${encodeURIComponent(id)}?panel=details`);
    await panel(mehdi).getByRole("button", { name: "Quitter la discussion" }).click();
    await mehdi.getByRole("alertdialog").getByRole("button", { name: "Quitter" }).click();
    await mehdi.getByRole("heading", { name: /^Bienvenue/ }).waitFor();
    await mehdi.goto(`${server}/#/room/${encodeURIComponent(id)}`);
    await mehdi.getByRole("button", { name: "Demander à entrer" }).click();
    await mehdi.getByText("Vous avez demandé à entrer").waitFor();
    await look(mehdi, "knocked");
    await claire.getByRole("button", { name: /membre/ }).first().click();
    await panel(claire).getByRole("button", { name: "Accepter Mehdi Benali" }).click();
    await mehdi.getByRole("button", { name: "Rejoindre" }).first().click();
    await sees(mehdi, "DIFFUSION RESTREINTE");
  },
  async "a forum is made, found and joined"() {
    await claire.keyboard.press("Escape");
    await createRoom(claire, "Outils numériques", "Forum");
    await say(claire, "Bienvenue sur le forum, voir https://example.org");
    await mehdi.getByRole("link", { name: "Forums" }).click();
    await mehdi.getByLabel("Chercher un forum").fill("outils");
    await look(mehdi, "forums");
    await mehdi.getByRole("button", { name: "Rejoindre Outils numériques" }).click();
    await sees(mehdi, "Bienvenue sur le forum");
  },
  async "a space keeps rooms together"() {
    await createRoom(claire, "Préfecture", "Espace");
    await claire.getByRole("link", { name: "Discussions" }).click();
    await claire.getByRole("button", { name: "Choisir un espace" }).click();
    await claire.getByRole("menuitem", { name: "Préfecture" }).click();
    await claire.getByRole("heading", { level: 1, name: "Préfecture" }).waitFor();
    await claire.getByRole("button", { name: "Discussions et membres de Préfecture" }).click();
    await claire.getByText("Cet espace est vide").waitFor();
    await look(claire, "space-empty");
    await claire.getByRole("button", { name: "Ajouter des discussions" }).click();
    await claire.getByRole("dialog").getByLabel("Lesquelles ?").fill("salle");
    await claire.getByRole("checkbox", { name: /Autre salle/ }).check();
    await claire.getByRole("dialog").getByLabel("Lesquelles ?").fill("");
    await claire.getByRole("checkbox", { name: /Outils/ }).check();
    await look(claire, "space-add");
    await claire.getByRole("button", { name: "Ajouter 2 discussions" }).click();
    await claire.getByRole("button", { name: "Ouvrir Autre salle" }).waitFor();
    await look(claire, "space");
    await claire.getByRole("complementary").waitFor({ state: "detached" });
    await claire.getByRole("region", { name: "Liste des discussions" }).getByRole("link", { name: /Autre salle/ }).waitFor();
    await claire.getByRole("button", { name: "Retirer Outils numériques de l’espace" }).click();
    await claire.getByRole("button", { name: "Ouvrir Outils numériques" }).waitFor({ state: "detached" });
    await claire.getByRole("button", { name: "Ouvrir Autre salle" }).click();
    await claire.getByRole("button", { name: "Choisir un espace" }).click();
    await claire.getByRole("menuitem", { name: "Toutes les discussions" }).click();
  },
  async "what was missed is one press away"() {
    await open(mehdi, "Cellule de crise");
    await mehdi.getByTestId("composer").fill(""); // a draft would stand in the list where the last message is looked for
    await mehdi.getByRole("link", { name: "Forums" }).click();
    await open(claire, "Cellule de crise");
    for (let n = 1; n <= 30; n++) await say(claire, `Relevé ${n} du matin\nligne`);
    await sees(claire, "Relevé 30");
    await mehdi.getByRole("link", { name: "Discussions" }).click();
    await mehdi.getByRole("link", { name: /Cellule de crise.*30/ }).waitFor();
    await open(mehdi, "Cellule de crise");
    await sees(mehdi, "Relevé 30");
    await mehdi.getByRole("button", { name: "30 messages non lus" }).click();
    await messages(mehdi).getByText("Relevé 1 du matin").waitFor();
    await mehdi.getByRole("button", { name: "30 messages non lus" }).waitFor({ state: "detached" });
  },
  async "a room is made new again, and its people follow"() {
    const api = async (path, body, token) => {
      const headers = { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) };
      return (await fetch(`${server}/_matrix/client/v3/${path}`, { method: "POST", headers, body: JSON.stringify(body) })).json();
    };
    const { access_token } = await api("login", { type: "m.login.password", identifier: { type: "m.id.user", user: "claire" }, password: claire.password });
    await api("createRoom", { name: "Ancien salon", room_version: "10", preset: "private_chat", invite: ["@mehdi:localhost"] }, access_token);
    await mehdi.getByRole("button", { name: "Rejoindre Ancien salon" }).click();
    await open(claire, "Ancien salon");
    await tool(claire, "Détails");
    await panel(claire).getByRole("button", { name: "Passer à la version récente" }).click();
    await look(claire, "upgrade");
    await claire.getByRole("alertdialog").getByRole("button", { name: "Remplacer" }).click();
    await mehdi.getByText("Cette discussion a été remplacée").waitFor();
    await look(mehdi, "room-moved");
    await mehdi.getByRole("button", { name: "Continuer là-bas" }).click();
    await say(claire, "Dans la nouvelle");
    await sees(mehdi, "Dans la nouvelle");
  },
});
