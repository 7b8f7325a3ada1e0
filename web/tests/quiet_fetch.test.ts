import { afterEach, expect, test, vi } from "vitest";
import { quietly } from "../src/matrix/quiet_fetch";

const BASE = "https://chappe.example/_matrix/client/v3";

function answering(...answers: Array<[number, unknown] | Error>) {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (resource: URL | string) => {
    asked.push(String(resource).replace(BASE, ""));
    const next = answers.shift()!;
    if (next instanceof Error) throw next;
    return new Response(JSON.stringify(next[1]), { status: next[0] });
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

test("that there is no backup comes with a status of success, and is told as the specification has it", async () => {
  const asked = answering([200, { errcode: "M_NOT_FOUND" }], [200, { version: "1" }], [429, { errcode: "M_LIMIT_EXCEEDED" }]);
  for (const status of [404, 200, 429]) expect((await quietly(new URL(`${BASE}/room_keys/version`))).status).toBe(status);
  expect(asked).toEqual(Array(3).fill("/room_keys/version?org.chappe.quiet=true"));
});

test("nor does a server without calls make an error of it", async () => {
  const asked = answering([200, { errcode: "M_UNRECOGNIZED" }], [200, { rtc_transports: [] }]);
  const transports = new URL("https://chappe.example/_matrix/client/unstable/org.matrix.msc4143/rtc/transports");
  for (const status of [404, 200]) expect((await quietly(transports)).status).toBe(status);
  expect(asked[0]).toMatch(/rtc\/transports\?org\.chappe\.quiet=true$/);
});

test("everything else is asked as it is", async () => {
  const asked = answering([200, {}], [404, {}], [200, {}]);
  await quietly(new URL(`${BASE}/room_keys/version`), { method: "POST" });
  expect((await quietly(new URL(`${BASE}/room_keys/version/1`))).status).toBe(404);
  await quietly(`${BASE}/sync`);
  expect(asked).toEqual(["/room_keys/version", "/room_keys/version/1", "/sync"]);
});

test("capabilities are asked for once, and again where they did not come", async () => {
  const asked = answering(new Error("offline"), [500, {}], [200, { capabilities: {} }]);
  const url = new URL(`${BASE}/capabilities`);
  await expect(quietly(url)).rejects.toThrow("offline");
  expect((await quietly(url)).status).toBe(500);
  for (const answer of await Promise.all([quietly(url), quietly(url)]))
    expect(await answer.json()).toEqual({ capabilities: {} });
  expect(asked).toHaveLength(3);
});
