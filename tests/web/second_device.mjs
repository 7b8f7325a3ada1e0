// The second device knows what the first knows: whatever was locked when it came is opened everywhere, once its key is here.
import { arrive, assert, attach, createRoom, look, messages, play, say, sees, server, signInAgain } from "./stage.mjs";

const ROOM = "Crue du Rhône";
const OF_THE_SDK = /Unable to decrypt|DecryptionError/;
let sophie, karim, second;

const panel = (page) => page.getByRole("complementary");
const open = async (page, name) => {
  await page.goto(`${server}/#/`); // where the list is
  await page.getByRole("link", { name: new RegExp(name) }).first().click();
  await page.getByRole("heading", { level: 1, name: new RegExp(name) }).waitFor();
};
const file = (name, content = "x") => ({ name, mimeType: "text/plain", buffer: Buffer.from(content) });

/** The names on the page of files, once there are so many. */
async function files(page, count) {
  await page.getByRole("link", { name: "Fichiers" }).click();
  await page.getByText(count < 2 ? `${count} fichier` : `${count} fichiers`, { exact: true }).waitFor();
  return page.locator("ul.hits b").allInnerTexts();
}

/** What is found in the room by a word, once there is so much. */
async function found(page, word, count) {
  if (!(await panel(page).getByLabel("Rechercher dans la discussion").isVisible()))
    await page.locator("main header").getByRole("button", { name: "Rechercher dans la discussion" }).click();
  await panel(page).getByLabel("Rechercher dans la discussion").fill(word);
  await panel(page).getByText(count < 2 ? `${count} message trouvé` : `${count} messages trouvés`).waitFor();
  return panel(page).locator("ul.hits .clamp").allInnerTexts();
}

async function saysNothingOfTheSdk(page) {
  const text = await page.evaluate(() => document.body.innerText);
  assert(!OF_THE_SDK.test(text), `a text of the SDK is shown: ${text.match(/.*(Unable to decrypt|DecryptionError).*/)?.[0]}`);
}

await play({
  async "two people write, answer and send files"() {
    [sophie, karim] = await Promise.all([arrive("Sophie Lambert"), arrive("Karim Haddad")]);
    await createRoom(sophie, ROOM, "Privée", ["Karim"]);
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    for (const text of ["La carte est au bureau Vauban", "La digue tient"]) await say(sophie, text);
    await sees(karim, "La digue tient");
    await attach(sophie, [file("releves-saone.txt"), file("plan-evacuation.txt")]);
    await sees(karim, "plan-evacuation.txt"); // the order of what follows is the list's
    await say(karim, "Je passe au bureau Vauban à midi");
    await attach(karim, [file("carte-ponts.txt")]);
    await sees(sophie, "carte-ponts.txt");
  },
  async "a device without keys shows and finds nothing of what is locked"() {
    second = await signInAgain("sophie", sophie.password);
    await second.getByRole("button", { name: "Plus tard" }).click();
    await second.getByRole("link", { name: new RegExp(`${ROOM}.*Message verrouillé`) }).waitFor();
    await open(second, ROOM);
    await messages(second).getByText("Message verrouillé sur cet appareil").first().waitFor();
    await saysNothingOfTheSdk(second);
    await found(second, "vauban", 0);
    await files(second, 0);
    await saysNothingOfTheSdk(second);
  },
  async "the code opens it everywhere, without a reload"() {
    const page = await files(second, 0);
    assert(!page.length, "there are files");
    await open(second, ROOM);
    await second.getByRole("status").getByRole("button", { name: "Confirmer", exact: true }).click();
    await second.getByRole("button", { name: /^Avec votre code de récupération/ }).click();
    await second.getByLabel("Code de récupération").fill(sophie.code);
    await second.getByRole("button", { name: "Ouvrir mes messages" }).click();
    const [names, theirs] = [await files(second, 3), await files(sophie, 3)];
    assert(names.join() === "carte-ponts.txt,plan-evacuation.txt,releves-saone.txt", names.join());
    assert(names.join() === theirs.join(), "the devices list different files");
    await look(second, "second-files");
    await second.goto(`${server}/#/`);
    await second.getByRole("link", { name: new RegExp(`${ROOM}.*carte-ponts.txt`) }).waitFor(); // the line of the list
    await open(second, ROOM);
    for (const text of ["La carte est au bureau Vauban", "Je passe au bureau Vauban"]) await sees(second, text);
    await saysNothingOfTheSdk(second);
  },
  async "it finds what the first device finds"() {
    await open(sophie, ROOM);
    const [here, there] = [await found(second, "vauban", 2), await found(sophie, "vauban", 2)];
    assert(here.join() === there.join() && here[0].includes("midi"), here.join());
    await second.keyboard.press("Control+k");
    await second.getByRole("dialog").getByRole("combobox").fill("digue");
    await second.getByRole("dialog").getByText("La digue tient").waitFor();
    await second.keyboard.press("Escape");
  },
  async "what is said of keys is right without a reload: the banner goes, their number is the server's"() {
    const third = await signInAgain("sophie", sophie.password, { viewport: { width: 412, height: 915 } });
    await third.getByRole("button", { name: "Plus tard" }).click();
    await third.getByText("Cet appareil n’est pas confirmé").waitFor();
    await third.getByRole("status").getByRole("button", { name: "Confirmer", exact: true }).click();
    await third.getByRole("button", { name: /Avec un autre de vos appareils/ }).click();
    await second.getByRole("button", { name: "Voir la demande" }).click();
    await second.getByRole("button", { name: "Commencer" }).click();
    await second.getByRole("button", { name: "Comparer des images" }).click();
    for (const page of [second, third]) await page.getByRole("button", { name: "Oui, ce sont les mêmes" }).click();
    await third.getByRole("link", { name: new RegExp(ROOM) }).first().click();
    await sees(third, "La carte est au bureau Vauban");
    await second.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click(); // closed before the other has said yes, it would be called off
    await third.getByText("Cet appareil n’est pas confirmé").waitFor({ state: "detached" });
    for (const page of [sophie, third]) await page.goto(`${server}/#/settings/devices`);
    for (const page of [sophie, third]) await page.getByText(/lisible par vous seul\s:\s[1-9]\d*\sclés?\./).waitFor();
    await look(third, "third-devices");
    const count = await third.getByText(/lisible par vous seul/).innerText();
    await third.context().close();
    await createRoom(second, "Autre dossier", "Privée");
    await say(second, "Une clé de plus");
    await sophie.getByText(/lisible par vous seul/).filter({ hasNotText: count }).waitFor();
  },
  async "what is said while it is closed is found when it is back, and after a reload"() {
    await open(second, ROOM);
    await say(karim, "Le pont Vauban est fermé");
    await second.reload();
    await sees(second, "Le pont Vauban est fermé");
    await found(second, "vauban", 3);
    await files(second, 3);
    await saysNothingOfTheSdk(second);
  },
  async "a device that gets no history finds what the first has read: it came sealed, and the server could not read it"() {
    for (let number = 1; number <= 30; number++) await say(karim, `Relevé numéro ${number}`); // what is older is not at hand
    await open(sophie, ROOM);
    await sees(sophie, "Relevé numéro 30");
    const isPart = (request) => request.method() === "PUT" && request.url().includes("/sealed_index/");
    const sealed = [];
    sophie.on("request", (request) => isPart(request) && sealed.push(request.postDataBuffer()));
    const given = sophie.waitForResponse((answer) => isPart(answer.request()) && answer.url().endsWith("-places"));
    await sophie.reload();
    await given;
    assert(sealed.length && !sealed.some((each) => /Vauban|releves|sophie/.test(each?.toString("latin1"))), "the server was told");
    const fourth = await signInAgain("sophie", sophie.password);
    await fourth.route(/\/rooms\/[^/]+\/messages/, (route) => route.abort());
    await fourth.getByRole("button", { name: /^Avec votre code de récupération/ }).click();
    await fourth.getByLabel("Code de récupération").fill(sophie.code);
    await fourth.getByRole("button", { name: "Ouvrir mes messages" }).click();
    const names = await files(fourth, 3);
    assert(names.join() === "carte-ponts.txt,plan-evacuation.txt,releves-saone.txt", names.join());
    await fourth.keyboard.press("Control+k");
    await fourth.getByRole("combobox").fill("digue");
    await fourth.getByRole("dialog").getByText("La digue tient").waitFor();
    await fourth.context().close();
  },
  async "a key that comes to the backup late opens what was locked, without a reload"() {
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    await sophie.route("**/room_keys/keys**", async (route) => {
      await released;
      await route.continue();
    });
    await second.context().close(); // each device gives its keys to the backup
    await sophie.goto(`${server}/#/`);
    await createRoom(sophie, "Salle de veille", "Privée");
    await say(sophie, "La clé vient après");
    const late = await signInAgain("sophie", sophie.password);
    await late.getByRole("button", { name: /code de récupération/ }).click();
    await late.getByLabel("Code de récupération").fill(sophie.code);
    await late.getByRole("button", { name: "Ouvrir mes messages" }).click();
    await late.getByRole("link", { name: /Salle de veille.*Message verrouillé/ }).waitFor();
    release();
    await late.getByRole("link", { name: /Salle de veille.*La clé vient après/ }).waitFor();
    await open(late, "Salle de veille");
    await sees(late, "La clé vient après");
  },
});
