/** One's own status: asked of the server when it may be another, and not whenever one's own presence is told. */

import { ClientEvent, type MatrixClient, MatrixEvent } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { Statuses } from "../src/matrix/statuses";
import { fake, ME, settled } from "./fakes";

const BUSY = { state: "busy", text: "Cellule", until: 4_000_000_000_000 };

function opened() {
  const asked: string[] = [];
  let hear: (event: MatrixEvent) => void = () => {};
  const statuses = new Statuses(
    fake<MatrixClient>({
      on: ((name: string, listener: typeof hear) => {
        if (name === ClientEvent.Event) hear = listener;
      }) as never,
      getUserId: () => ME,
      http: {
        authedRequest: async (method: string) => {
          asked.push(method);
          return { enabled: true, ...BUSY };
        },
      } as never,
    }),
  );
  const say = async (content: object): Promise<string[]> => {
    hear(new MatrixEvent({ type: "m.presence", sender: ME, content }));
    await settled();
    return asked.splice(0);
  };
  return { statuses, say, asked };
}

test("coming and going asks nothing; another status, here or on another device, does", async () => {
  const { statuses, say, asked } = opened();
  await statuses.begin();
  asked.length = 0;
  const busy = { presence: "online", "org.chappe.status": BUSY };
  expect(await say({ ...busy, last_active_ago: 1 })).toEqual([]); // what the server has said already
  for (const presence of ["unavailable", "offline", "online"]) expect(await say({ ...busy, presence })).toEqual([]);
  expect(await say({ ...busy, presence: "online", currently_active: true })).toEqual([]);
  expect(await say({ presence: "online", "org.chappe.status": { ...BUSY, text: "Déjeuner" } })).toEqual(["GET"]);
  expect(await say({ presence: "online" })).toEqual(["GET"]);
});

test("what one has just chosen oneself is not asked for", async () => {
  const { statuses, say, asked } = opened();
  await statuses.choose({ state: "meeting", text: null, until: BUSY.until, silent: true }, "En réunion");
  asked.length = 0;
  expect(await say({ presence: "online", "org.chappe.status": { state: "meeting", until: BUSY.until } })).toEqual([]);
});

test("who hides on another device, or comes back there, is known here", async () => {
  const { statuses, say, asked } = opened();
  expect(await say({ presence: "offline" })).toEqual(["GET"]);
  await statuses.choose({ state: "hidden", text: null, until: null, silent: false }, null);
  asked.length = 0;
  expect(await say({ presence: "offline", currently_active: false })).toEqual([]);
  expect(await say({ presence: "online" })).toEqual(["GET"]);
});

test("the same said once more hides something that others are not told: that nothing rings", async () => {
  const { statuses, say, asked } = opened();
  await statuses.begin();
  asked.length = 0;
  const busy = { presence: "online", "org.chappe.status": BUSY };
  expect(await say(busy)).toEqual([]);
  expect(await say({ ...busy, last_active_ago: 70_000 })).toEqual(["GET"]);
});
