// Whom and what people trust: codes scanned with a camera, an identity that changes, a push while nothing is open.
import { arrive, assert, createRoom, look, messages, play, say, sees, server, signInAgain } from "./stage.mjs";

let sophie, karim, second;

/** The camera of one page sees the code that another page shows. */
async function pointAt(camera, screen) {
  await screen.getByRole("img", { name: "Code à scanner" }).waitFor();
  await screen.waitForFunction(() => {
    const canvas = document.querySelector("canvas.qr");
    return canvas?.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte, index) => index % 4 === 0 && byte < 64 && canvas.width > 150);
  });
  const code = await screen.locator("canvas.qr").evaluate((canvas) => canvas.toDataURL());
  await camera.evaluate(async (code) => {
    const picture = new Image();
    picture.src = code;
    await picture.decode();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 480;
    const context = canvas.getContext("2d");
    const draw = () => {
      context.fillStyle = "#ccc";
      context.fillRect(0, 0, 480, 480);
      context.imageSmoothingEnabled = false;
      context.drawImage(picture, 40, 40, 400, 400);
    };
    setInterval(draw, 100);
    draw();
    navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(10);
  }, code);
}

await play({
  async "two people confirm each other by scanning a code"() {
    [sophie, karim] = await Promise.all([arrive("Sophie Lambert"), arrive("Karim Haddad")]);
    await createRoom(sophie, "", "Message direct", ["Karim"]);
    await say(sophie, "Bonjour");
    await karim.getByRole("button", { name: /^Rejoindre/ }).first().click();
    await sees(karim, "Bonjour");
    await sophie.locator("main header").getByRole("button").first().click();
    await sophie.getByRole("button", { name: "Confirmer son identité" }).click();
    await karim.getByRole("button", { name: "Voir la demande" }).click();
    await karim.getByRole("button", { name: "Commencer" }).click();
    await pointAt(sophie, karim);
    await look(karim, "verify-qr");
    await sophie.getByRole("button", { name: "Scanner un code" }).click();
    await karim.getByText("L’autre appareil affiche-t-il une coche ?").waitFor();
    await look(karim, "verify-scanned");
    await karim.getByRole("button", { name: "Oui", exact: true }).click();
    for (const page of [sophie, karim]) await page.getByText("Identité confirmée.").waitFor();
    await look(sophie, "verify-done");
    for (const page of [sophie, karim]) await page.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
    await sophie.getByRole("complementary").getByText("Identité confirmée").waitFor();
  },
  async "a camera that is refused is said, and there is another way"() {
    second = await signInAgain("sophie", sophie.password);
    await second.getByRole("button", { name: /^Avec un autre de vos appareils/ }).click();
    await sophie.getByRole("button", { name: "Voir la demande" }).click();
    await sophie.getByRole("button", { name: "Commencer" }).click();
    await second.evaluate(() => {
      navigator.mediaDevices.getUserMedia = async () => Promise.reject(new DOMException("no", "NotAllowedError"));
    });
    await second.getByRole("button", { name: "Scanner un code" }).click();
    await second.getByText("La caméra n’est pas autorisée").waitFor();
    await look(second, "no-camera");
    await second.getByRole("button", { name: "Retour" }).click();
  },
  async "a new device is confirmed by scanning the code of the old one"() {
    await pointAt(second, sophie);
    await second.getByRole("button", { name: "Scanner un code" }).click();
    await sophie.getByText("L’autre appareil affiche-t-il une coche ?").waitFor();
    await sophie.getByRole("button", { name: "Oui", exact: true }).click();
    await sophie.getByText("Appareil confirmé").waitFor();
    await sophie.getByRole("dialog").getByRole("button", { name: "Fermer" }).last().click();
    await second.getByRole("link", { name: /Karim Haddad/ }).click();
    await sees(second, "Bonjour");
    await second.context().close();
  },
  async "who has lost everything starts again with a new identity"() {
    const anew = await signInAgain("karim", karim.password);
    await karim.context().close();
    await anew.getByRole("button", { name: "Je n’ai aucun de ces moyens" }).click();
    await look(anew, "lost");
    await anew.getByRole("button", { name: "Recommencer sans mes anciens messages" }).click();
    await look(anew, "reset");
    const go = anew.getByRole("button", { name: "Recommencer", exact: true });
    await anew.getByLabel("Pour continuer, écrivez votre nom").fill("quelqu’un");
    assert(await go.isDisabled(), "anybody's name is enough");
    await anew.getByLabel("Pour continuer, écrivez votre nom").fill("karim haddad");
    await go.click();
    const code = (await anew.getByTestId("code").innerText()).replace(/\s+/g, " ");
    await look(anew, "reset-code");
    await anew.getByLabel(/J’ai rangé ce code/).check();
    await anew.getByRole("button", { name: "Continuer" }).click();
    await anew.getByLabel("Code de récupération").fill(code);
    await anew.getByRole("button", { name: "Terminer" }).click();
    await anew.getByRole("button", { name: "C’est fait, continuer" }).click();
    await anew.getByText("Ce n’est pas encore autorisé").waitFor();
    await look(anew, "consent");
    const [account] = await Promise.all([anew.context().waitForEvent("page"), anew.getByRole("link", { name: "Ouvrir la page de mon compte" }).click()]);
    await account.getByRole("button", { name: "Autoriser" }).click();
    await account.getByText("Revenez à l’application").waitFor();
    await account.close();
    await anew.getByRole("button", { name: "C’est fait, continuer" }).click();
    await anew.getByRole("link", { name: /Sophie Lambert/ }).click();
    await say(anew, "C’est encore moi");
    karim = anew;
  },
  async "the others are warned once, calmly, and decide"() {
    await sophie.getByText("L’identité de Karim Haddad a changé").waitFor();
    await look(sophie, "identity-changed");
    await sophie.getByRole("button", { name: "J’accepte" }).click();
    await sophie.getByText("L’identité de Karim Haddad a changé").waitFor({ state: "detached" });
    await say(karim, "Me lisez-vous ?");
    await sees(sophie, "Me lisez-vous ?");
    await say(sophie, "Oui, de nouveau");
    await sees(karim, "Oui, de nouveau");
    assert((await messages(karim).getByText("Bonjour", { exact: true }).count()) === 0, "an old message opened without its key");
  },
  async "a push tells that somebody wrote, not what"() {
    await sophie.evaluate(() => navigator.serviceWorker.ready);
    const cdp = await sophie.context().newCDPSession(sophie);
    const known = new Promise((resolve) => cdp.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && resolve(registrations[0].registrationId)));
    await cdp.send("ServiceWorker.enable");
    const registrationId = await known;
    const room = await sophie.evaluate(() => decodeURIComponent(location.hash.split("/")[2].split("?")[0]));
    const data = JSON.stringify({ event_id: "$e", room_id: room, sender_display_name: "Karim Haddad", counts: { unread: 1 }, content: { body: "secret" } });
    await sophie.goto("about:blank");
    const blank = await sophie.context().newCDPSession(sophie);
    await blank.send("ServiceWorker.enable");
    await blank.send("ServiceWorker.deliverPushMessage", { origin: server, registrationId, data });
    await sophie.waitForTimeout(500);
    await sophie.goto(server);
    const shown = await sophie.evaluate(async () => (await (await navigator.serviceWorker.ready).getNotifications()).map(({ title, body, tag }) => ({ title, body, tag })));
    assert(JSON.stringify(shown) === JSON.stringify([{ title: "Karim Haddad", body: "Nouveau message", tag: room }]), JSON.stringify(shown));
  },
});
