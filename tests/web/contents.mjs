// What other clients send: hidden text, emoji of their own, places, colours, formulas; and what would harm. And hidden text and emoji of ours.
import { arrive, assert, look, messages, play, say, sees, server, until } from "./stage.mjs";

const PICTURE = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNkYPhfz0AEYBxVSF+FAP5FDvcfRYWgAAAAAElFTkSuQmCC", "base64");
let claire;
let token;
let room;
let picture;
let sent = 0;

async function call(method, path, body, type = "application/json") {
  const answer = await fetch(`${server}/_matrix/${path}`, { method, headers: { "Content-Type": type, ...(token ? { Authorization: `Bearer ${token}` } : {}) }, body: body && (type === "application/json" ? JSON.stringify(body) : body) });
  assert(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}
const send = async (content, type = "m.room.message") => (await call("PUT", `client/v3/rooms/${encodeURIComponent(room)}/send/${type}/t${sent++}`, content)).event_id;
const html = (body, formatted_body) => send({ msgtype: "m.text", body, format: "org.matrix.custom.html", formatted_body });
const row = (event) => messages(claire).locator(`article[data-event="${event}"]`);

await play({
  async "somebody with another client is there"() {
    claire = await arrive("Claire Vasseur");
    token = (await call("POST", "client/v3/register", { username: "anne", password: "correct horse anne", auth: { type: "m.login.dummy" } })).access_token;
    room = (await call("POST", "client/v3/createRoom", { name: "Ailleurs", preset: "public_chat", invite: ["@claire:localhost"] })).room_id;
    picture = (await call("POST", "media/v3/upload?filename=party.png", PICTURE, "image/png")).content_uri;
    await claire.getByRole("button", { name: "Rejoindre Ailleurs" }).click();
    await html("fin", "<b>Bonjour</b>");
    await sees(claire, "Bonjour");
  },
  async "a link to a person, a discussion or a message has its name; another keeps its words"() {
    const there = await send({ msgtype: "m.text", body: "Cible" });
    const own = `${server}/#/room/${encodeURIComponent(room)}`;
    const plain = await send({ msgtype: "m.text", body: `Voir https://matrix.to/#/@claire:localhost,\n${own} et ${own}/${encodeURIComponent(there)} <b>` });
    await row(plain).getByText("Voir @Claire Vasseur").waitFor();
    await row(plain).getByRole("link", { name: "Ailleurs", exact: true }).waitFor();
    assert((await row(plain).innerText()).includes("<b>"), "what is written as text became markup");
    await row(plain).getByRole("link", { name: "Message dans Ailleurs", exact: true }).click();
    await row(there).and(claire.locator(".lit")).waitFor();
    const lie = await html("x", '<a href="https://matrix.to/#/!elsewhere:evil.example">Ailleurs, la vraie</a>');
    await row(lie).getByRole("link", { name: "Ailleurs, la vraie", exact: true }).waitFor();
  },
  async "a list keeps its numbers, in the message and in one line"() {
    const event = await html("4. quatre\n5. cinq", '<ol start="4"><li>quatre</li><li>cinq</li></ol><ul><li>et</li></ul>');
    await row(event).locator('ol[start="4"]').waitFor();
    await claire.getByRole("region", { name: "Liste des discussions" }).getByText("4. quatre 5. cinq • et").waitFor();
  },
  async "what is hidden is shown by a press or by Enter, and is in no list before"() {
    const event = await html("Le coupable ?", 'Le coupable ? <span data-mx-spoiler="la fin">le majordome</span>');
    const hidden = row(event).getByRole("button", { name: "Contenu masqué (la fin) : afficher" });
    await hidden.waitFor();
    assert(!(await row(event).ariaSnapshot()).includes("majordome"), "what is hidden is read out");
    assert((await claire.getByRole("region", { name: "Liste des discussions" }).getByText("majordome").count()) === 0, "the list tells it");
    await look(claire, "spoiler");
    await hidden.focus();
    await claire.keyboard.press("Enter");
    await row(event).locator(".spoiler.open").getByText("le majordome").waitFor();
    assert((await row(event).ariaSnapshot()).includes("majordome"), "what was opened is not read out");
    await row(event).locator(".spoiler").click();
    await row(event).locator(".spoiler:not(.open)").waitFor();
  },
  async "hidden text of ours is hidden for others"() {
    await say(claire, "Réponse : ||film|**à la fin**||");
    const found = await until("the server has it", async () => {
      const { chunk } = await call("GET", `client/v3/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=5`);
      return chunk.find((each) => each.sender === "@claire:localhost" && each.content.formatted_body?.includes("data-mx-spoiler"));
    });
    assert(found.content.formatted_body === 'Réponse : <span data-mx-spoiler="film"><strong>à la fin</strong></span>', found.content.formatted_body);
  },
  async "emoji of somebody's own: their picture, or their name; other pictures are not asked for"() {
    const asked = [];
    claire.on("request", (request) => asked.push(request.url()));
    const event = await html(":party:", `<img data-mx-emoticon src="${picture}" alt=":party:" height="32"> et <img data-mx-emoticon src="mxc://localhost/nothing" alt=":gone:"> <img src="https://evil.example/x.png" alt="image"> <img data-mx-emoticon src="https://evil.example/y.png" alt=":evil:">`);
    await row(event).getByRole("img", { name: ":party:" }).waitFor();
    await row(event).getByText(":gone:").waitFor();
    await row(event).getByText(":evil:").waitFor();
    assert(!asked.some((each) => each.includes("evil.example")), "a picture of elsewhere was asked for");
    await send({ "m.relates_to": { rel_type: "m.annotation", event_id: event, key: picture }, shortcode: ":party:" }, "m.reaction");
    await send({ "m.relates_to": { rel_type: "m.annotation", event_id: event, key: "mxc://localhost/nothing" }, shortcode: ":gone:" }, "m.reaction");
    await row(event).getByRole("button", { name: /^:party:\s: 1/ }).locator("img").waitFor();
    await row(event).getByRole("button", { name: /^:gone:\s: 1/ }).getByText(":gone:").waitFor();
    await look(claire, "emoticons");
  },
  async "a file that a server does not give is not asked for at each visit"() {
    let asked = 0;
    claire.on("request", (request) => request.url().includes("/nothing") && asked++);
    for (let visit = 0; visit < 2; visit += 1) {
      await claire.getByRole("link", { name: "Fichiers" }).click();
      await claire.getByRole("link", { name: "Discussions" }).click();
      await claire.getByRole("link", { name: /Ailleurs/ }).click();
      await messages(claire).getByRole("button", { name: /^:gone:\s: 1/ }).waitFor();
    }
    assert(asked === 0, `asked ${asked} times`);
  },
  async "a place, colours, formulas"() {
    const place = await send({ msgtype: "m.location", body: "Pont Nord", geo_uri: "geo:48.78,2.13;u=20" });
    await row(place).getByText("48,78000° N, 2,13000° E · à 20 m près").waitFor();
    await row(place).getByRole("button", { name: "Copier les coordonnées" }).click();
    assert((await claire.evaluate(() => navigator.clipboard.readText())) === "48.78, 2.13", "the coordinates");
    const wrong = await send({ msgtype: "m.location", body: "Nulle part", geo_uri: "geo:200,300" });
    await row(wrong).getByText("Nulle part").waitFor();
    await html("jaune", '<span data-mx-color="#ffff00">jaune</span> <font color="#000080">marine</font> <span data-mx-bg-color="#ff0000">sur rouge</span>');
    const formula = await html("x²", '<span data-mx-maths="x^2 + \\frac{1}{2}"><code>x²</code></span>');
    await row(formula).locator("code").getByText("x^2 + \\frac{1}{2}").waitFor();
    await look(claire, "colours"); // its contrast is looked at
    await claire.emulateMedia({ colorScheme: "dark" });
    await look(claire, "colours-dark");
    await claire.emulateMedia({ colorScheme: "light" });
  },
  async "a service that a message names is one only for whom it tells, in this client's words"() {
    const told = ["@claire:localhost"];
    const said = await send({
      msgtype: "m.text", body: "@Presse", format: "org.matrix.custom.html",
      formatted_body: '<span data-org-chappe-service="Presse">@Premier ministre</span> <span data-org-chappe-service="Cabinet">@Cabinet (9)</span>',
      "m.mentions": { user_ids: told }, "org.chappe.services": { Presse: [...told, "@nobody:evil.example"], Cabinet: ["@nobody:evil.example"] },
    });
    await row(said).locator(".at.me").getByText("@Presse (1)", { exact: true }).waitFor();
    assert((await row(said).locator(".at").count()) === 1, "a service that tells nobody is marked as one that does");
    assert(!(await row(said).innerText()).includes("ministre"), "the sender says what the mark says");
  },
  async "a name is pressed by keys; a table says what its heads are of; another script runs its own way"() {
    const named = await html("@anne", 'Bonjour <a href="https://matrix.to/#/@anne:localhost">Anne</a>');
    const pill = row(named).getByRole("button", { name: /^@anne/ });
    await look(claire, "mentioned");
    await pill.focus();
    await claire.keyboard.press("Enter");
    await claire.getByRole("complementary").getByRole("heading", { name: "Fiche" }).waitFor();
    await claire.keyboard.press("Escape");
    const table = await html("a", "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>");
    await row(table).locator("th[scope=col]").waitFor();
    const arabic = await html("مرحبا", "<b>مرحبا</b>");
    const runs = await row(arabic).locator(".txt").evaluate((each) => getComputedStyle(each).direction);
    assert(runs === "rtl", `it runs ${runs}`);
  },
  async "what would dress up as a part of the page does not"() {
    const event = await html("x", '<span data-person="@anne:localhost" data-event="$x" class="spoiler open" style="position:fixed">habillé</span><a href="mxc://localhost/x">mxc</a><span data-mx-color="red;background:url(https://evil.example)">rouge</span>');
    await row(event).getByText("habillé").waitFor();
    const found = await row(event).locator(".txt").innerHTML();
    for (const each of ["data-person", "data-event", "spoiler", "position", "evil.example", "mxc:"]) assert(!found.includes(each), `${each}: ${found}`);
  },
  async "an emoji takes the place of its name as it is written"() {
    const box = claire.getByTestId("composer");
    await box.click();
    await box.pressSequentially("Vu :pouce_levé:");
    await claire.waitForFunction(() => document.querySelector("[data-testid=composer]").value === "Vu 👍");
    await box.pressSequentially(" à 10:30: ok");
    assert((await box.inputValue()) === "Vu 👍 à 10:30: ok", await box.inputValue());
    await box.fill("");
  },
});
