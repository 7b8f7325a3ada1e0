// A crisis room of three, one of whom moderates it, as plays of orders and plans need it.
import { arrive, assert, createRoom, PATIENCE, say, sees, server } from "./stage.mjs";

const tokens = {};

async function signIn(page) {
  const login = await fetch(`${server}/_matrix/client/v3/login`, { method: "POST", body: JSON.stringify({ type: "m.login.password", identifier: { type: "m.id.user", user: page.user }, password: page.password }) });
  tokens[page.user] = (await login.json()).access_token;
}

/** As another client of somebody does it; `who`: their user name. */
export async function call(who, method, path, body, version = "v3") {
  const answer = await fetch(`${server}/_matrix/client/${version}${path}`, { method, headers: { Authorization: `Bearer ${tokens[who]}` }, body: body && JSON.stringify(body) });
  assert(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

/** Claire, who moderates the room, Sophie and Karim, and the room's id. */
export async function threeInARoom() {
  const claire = await arrive("Claire Vasseur");
  const sophie = await arrive("Sophie Lambert");
  const karim = await arrive("Karim Haddad");
  await createRoom(claire, "Cellule de crise", "Privée", ["Sophie", "Karim"]);
  for (const page of [sophie, karim]) await page.getByRole("button", { name: /^Rejoindre/ }).first().click();
  await say(claire, "Cote à 4,20 m");
  for (const page of [sophie, karim]) await sees(page, "Cote à 4,20 m");
  for (const page of [claire, sophie, karim]) await signIn(page);
  return { claire, sophie, karim, room: decodeURIComponent(new URL(claire.url()).hash.split("/")[2]) };
}

/** Presses until what it brings is there: what comes in meanwhile may move it from under the pointer. */
export async function pressUntil(press, there) {
  for (const end = Date.now() + PATIENCE; !(await there.isVisible()); ) {
    assert(Date.now() < end, `never there after a press: ${there}`);
    await press.click({ timeout: 2000 }).catch(() => undefined);
    await there.waitFor({ timeout: 5000 }).catch(() => undefined);
  }
}
