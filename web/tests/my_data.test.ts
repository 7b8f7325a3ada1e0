import type { MatrixClient } from "matrix-js-sdk";
import { beforeAll, expect, test, vi } from "vitest";
import type { Agency as AgencyType } from "../src/matrix/agency";

let Agency: typeof AgencyType;
let MyDataViewModel: typeof import("../src/viewmodels/my_data").MyDataViewModel;

beforeAll(async () => {
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {} });
  ({ Agency } = await import("../src/matrix/agency"));
  ({ MyDataViewModel } = await import("../src/viewmodels/my_data"));
});

/** A server that wants to be shown who asks: `confirmed` are the sessions that somebody has confirmed on its page. */
function server() {
  const asked: object[] = [];
  const confirmed = new Set<string>();
  let begun = 0;
  const packages: object[] = [];
  const authedRequest = async (method: string, _path: string, _query: undefined, body: { auth?: { session: string } }) => {
    if (method === "GET") return { packages };
    asked.push(body);
    if (body.auth && confirmed.has(body.auth.session)) return void packages.push({ id: "p", state: "ready", created_ts: 1 });
    if (body.auth?.session === "ended") throw { httpStatus: 400, data: { errcode: "M_UNKNOWN" } };
    throw { httpStatus: 401, data: { session: body.auth?.session ?? `s/${++begun}`, flows: [] } };
  };
  const client = { http: { authedRequest }, getHomeserverUrl: () => "https://here.example", getAccessToken: () => "t" };
  return { asked, confirmed, agency: new Agency(client as unknown as MatrixClient) };
}

test("a package is prepared once its owner has confirmed on a page of the server", async () => {
  const { asked, confirmed, agency } = server();
  const model = new MyDataViewModel({ agency });
  await vi.waitFor(() => expect(model.snapshot().packages).toEqual([]));
  expect(await model.ask()).toBe(true);
  const page = "https://here.example/_matrix/client/v3/auth/m.login.sso/fallback/web?session=s%2F1";
  expect(model.snapshot()).toMatchObject({ confirm: { session: "s/1", page }, packages: [], problem: null });
  await model.ask();
  expect(model.snapshot().confirm?.session).toBe("s/1"); // too early: the same page is shown again
  confirmed.add("s/1");
  await model.ask();
  expect(asked).toEqual([{}, { auth: { session: "s/1" } }, { auth: { session: "s/1" } }]);
  expect(model.snapshot().confirm).toBe(null);
  expect(model.snapshot().packages).toHaveLength(1);
  model.close();
});

test("anything else that goes wrong is said, and the next time begins anew", async () => {
  const { asked, agency } = server();
  await expect(agency.askPackage("ended")).rejects.toMatchObject({ httpStatus: 400 });
  expect(await agency.askPackage()).toMatchObject({ session: "s/1" });
  expect(asked).toHaveLength(2);
});

test("a package is handed over once its owner has confirmed again", async () => {
  const { agency } = server();
  const sent: object[] = [];
  const confirmed = new Set<string>();
  vi.stubGlobal("fetch", async (path: string, { method, body }: { method: string; body: string }) => {
    expect([method, path]).toEqual(["POST", "/_chappe/client/v1/my_data/p%2F1"]);
    const asked = JSON.parse(body);
    sent.push(asked);
    if (confirmed.has(asked.auth?.session)) return new Response("PK");
    return new Response(JSON.stringify({ session: asked.auth?.session ?? `f${sent.length}`, flows: [] }), { status: 401 });
  });
  const model = new MyDataViewModel({ agency });
  await vi.waitFor(() => expect(model.snapshot().packages).toEqual([]));
  expect(await model.fetch("p/1")).toBe(null);
  expect(model.snapshot().fetching).toMatchObject({ id: "p/1", session: "f1" });
  confirmed.add("f1");
  expect(await (await model.fetch("p/1"))?.text()).toBe("PK");
  expect(sent).toEqual([{}, { auth: { session: "f1" } }]);
  expect(model.snapshot()).toMatchObject({ fetching: null, problem: null });
  model.close();
});
