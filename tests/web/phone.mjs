// The client on a phone: one column at 360 px, fingers instead of a mouse.
import { createServer } from "node:http";
import { arrive, assert, createRoom, look, messages, play, say, sees, server, visit } from "./stage.mjs";

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
let karim;
let sophie;

async function touch(page, target, moves, held = 0) {
  const box = await target.boundingBox();
  const at = { x: box.x + 60, y: box.y + box.height / 2 };
  const session = await page.context().newCDPSession(page);
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [at] });
  for (const [dx, dy] of moves) await session.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [{ x: at.x + dx, y: at.y + dy }] });
  await page.waitForTimeout(held);
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
}

/** Sends a form as the browser does when another application shares with this one; or as pages may, in the encoding that they choose. */
async function share(page, action, text, enctype = "multipart/form-data") {
  const send = (given) => {
    const form = Object.assign(document.createElement("form"), { method: "POST", action: given.action, enctype: given.enctype });
    form.append(Object.assign(document.createElement("input"), { name: "text", value: given.text }));
    document.body.append(form);
    form.submit();
  };
  await page.evaluate(send, { action, text, enctype });
}

/** Counts from the beginning of the page what React draws, as its developer tools do. */
function countDrawing(page) {
  return page.addInitScript(() => {
    globalThis.drawn = 0;
    const drawing = { onCommitFiberRoot: () => { globalThis.drawn += 1; }, onPostCommitFiberRoot() {}, onCommitFiberUnmount() {} };
    globalThis.__REACT_DEVTOOLS_GLOBAL_HOOK__ = { supportsFiber: true, renderers: new Map(), inject: () => 1, checkDCE() {}, ...drawing };
  });
}

/** Writes letter by letter. Returns how often React drew for each, in whose turn nothing else comes in. */
async function drawnByLetters(page, letters) {
  return page.getByTestId("composer").evaluate(async (field, text) => {
    field.focus();
    const all = [];
    for (const each of text) {
      const before = globalThis.drawn;
      document.execCommand("insertText", false, each);
      for (let turn = 0; turn < 50; turn += 1) await null;
      all.push(globalThis.drawn - before);
    }
    return all;
  }, letters);
}

await play({
  async "signing in, the first steps and the list at 360 px"() {
    sophie = await arrive("Sophie Lambert [Préfecture du Rhône]");
    const page = await visit(PHONE);
    await page.goto(server);
    await page.getByLabel("Adresse e-mail professionnelle").fill("karim.haddad@hopital-sud.example");
    await page.getByText("Votre mot de passe vous sera demandé").waitFor();
    await look(page, "phone-sign-in");
    await page.context().close();
    karim = await arrive("Karim Haddad [Hôpital Sud]", { ...PHONE, heard: countDrawing });
    await look(karim, "phone-empty");
  },
  async "a room is made and written in"() {
    await karim.getByRole("button", { name: "Nouvelle discussion" }).last().click();
    await karim.getByRole("dialog").getByRole("radio").first().waitFor();
    await look(karim, "phone-create");
    await karim.keyboard.press("Escape");
    await karim.getByRole("dialog").waitFor({ state: "detached" });
    await createRoom(karim, "Permanence", "Privée", ["Sophie"]);
    await say(karim, "Planning à jour");
    await sophie.getByRole("button", { name: "Rejoindre Permanence" }).click();
    await say(sophie, "Merci Karim");
    await sees(karim, "Merci Karim");
    await look(karim, "phone-room");
  },
  async "a letter is the field's alone: the first one draws the button to send, the others draw nothing"() {
    for (const field of ["textarea.box", ".richbox .box"]) {
      await karim.locator(`.composer ${field}`).waitFor();
      const [first, ...others] = await drawnByLetters(karim, "Relève à huit heures");
      assert(first > 0, `${field}: what is drawn is not counted`);
      assert(others.every((each) => each === 0), `${field}: letters draw more than the field: ${others}`);
      await say(karim, "");
      await karim.getByRole("button", { name: "Mise en forme" }).click();
    }
    await karim.locator(".composer textarea.box").waitFor();
  },
  async "a long press shows the actions, a swipe replies"() {
    const received = messages(karim).getByRole("article").filter({ hasText: "Merci Karim" }).last();
    await touch(karim, received, [], 700);
    await received.getByRole("button", { name: "Réagir" }).click();
    await karim.getByRole("button", { name: "👍", exact: true }).click();
    await messages(sophie).getByRole("button", { name: /👍\s: 1/ }).waitFor();
    await look(karim, "phone-actions");
    await touch(karim, received, [[30, 0], [60, 2], [110, 4]]);
    await karim.getByText("Réponse à", { exact: false }).first().waitFor();
    await say(karim, "À demain");
    await messages(sophie).getByRole("button", { name: /Réponse à.*Sophie Lambert/ }).waitFor();
  },
  async "panels cover the conversation, the arrow goes back"() {
    await karim.locator("main header").getByRole("button", { name: "Plus d’actions" }).click();
    await karim.getByRole("menuitem", { name: "Membres" }).click();
    await look(karim, "phone-members");
    await karim.getByRole("main").getByRole("button", { name: "Fermer" }).click();
    const room = await karim.getByRole("heading", { level: 1 }).first().innerText();
    await karim.getByRole("link", { name: "Retour aux discussions" }).click();
    await karim.getByRole("heading", { level: 1, name: "Discussions" }).waitFor();
    await karim.waitForFunction((name) => document.activeElement?.matches("a.room") && document.activeElement.textContent.includes(name), room); // the row one came by
    await look(karim, "phone-list");
    await karim.getByRole("link", { name: "Réglages" }).click();
    await look(karim, "phone-settings");
    await karim.getByRole("link", { name: "Appareils et récupération" }).click();
    await karim.getByText("Appareils confirmés").waitFor();
    await look(karim, "phone-devices");
    await karim.getByRole("link", { name: "Forums" }).click();
    await look(karim, "phone-forums");
  },
  async "it can be installed, and takes what others share"() {
    const manifest = await karim.evaluate(async () => (await fetch(document.querySelector("link[rel=manifest]").href)).json());
    assert(manifest.display === "standalone" && manifest.icons.length >= 2 && manifest.share_target.method === "POST", "the manifest");
    await karim.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === "activated");
    await karim.reload();
    await karim.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await share(karim, "/share", "Partagé depuis ailleurs");
    const dialog = karim.getByRole("dialog", { name: "Partager" });
    for (const each of ["Si vous n’avez rien partagé", "Partagé depuis ailleurs"]) await dialog.getByText(each).waitFor();
    await dialog.getByRole("button", { name: /Permanence/ }).click();
    await dialog.getByText("Partager dans").waitFor();
    await look(karim, "phone-shared");
    await dialog.getByRole("button", { name: "Mettre dans mon message" }).click();
    await karim.getByTestId("composer").waitFor();
    assert((await karim.getByTestId("composer").inputValue()).includes("Partagé depuis ailleurs"), "what was shared is lost");
  },
  async "a page of another site shares nothing; one that hides where it is is asked about"() {
    const site = createServer((request, response) => {
      const body = `<!doctype html><meta name="referrer" content="${request.url.slice(1)}"><title>Ailleurs</title>`;
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(body);
    });
    await new Promise((resolve) => site.listen(0, resolve));
    const elsewhere = `http://${new URL(server).hostname}:${site.address().port}`;
    for (const policy of ["unsafe-url", "no-referrer"]) {
      await karim.goto(`${elsewhere}/${policy}`);
      await share(karim, new URL("/share", server).href, "Écrit par un autre site", "application/x-www-form-urlencoded");
      await karim.waitForURL((each) => each.origin === new URL(server).origin && each.pathname === "/");
      if (policy === "no-referrer") {
        const dialog = karim.getByRole("dialog", { name: "Partager" });
        for (const each of ["Si vous n’avez rien partagé", "Écrit par un autre site"]) await dialog.getByText(each).waitFor();
        await dialog.getByRole("button", { name: "Fermer" }).click();
        await dialog.waitFor({ state: "detached" });
      } else assert(!new URL(karim.url()).search, "what another site sends is taken for a share");
      assert(!(await karim.evaluate(() => caches.has("shared-with-chappe"))), "what another site sends is kept");
    }
    site.close();
  },
  async "twice as large, nothing is lost"() {
    await sophie.setViewportSize({ width: 720, height: 450 }); // 1440 × 900 at 200 %
    await look(sophie, "zoom-200");
  },
});
