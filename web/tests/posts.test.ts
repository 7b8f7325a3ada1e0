import type { MatrixClient } from "matrix-js-sdk";
import { beforeAll, expect, test, vi } from "vitest";
import type { Matrix } from "../src/matrix/matrix";
import type { Session } from "../src/matrix/session";

const ID = "@permanence:here.example";
let Agency: typeof import("../src/matrix/agency").Agency;
let PostsViewModel: typeof import("../src/viewmodels/posts").PostsViewModel;
let revoke: typeof import("../src/matrix/session").revoke;

beforeAll(async () => {
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {} });
  ({ Agency } = await import("../src/matrix/agency"));
  ({ PostsViewModel } = await import("../src/viewmodels/posts"));
  ({ revoke } = await import("../src/matrix/session"));
});

/** A server with two posts, which wants to be shown who takes one. */
function server() {
  const asked: Array<[string, object]> = [];
  const confirmed = new Set<string>();
  let begun = 0;
  const posts = [ID, "@secours:here.example"].map((user_id) => ({ user_id, display_name: null, holder: null, since_ts: null }));
  const authedRequest = async (method: string, path: string, _query: undefined, body: { auth?: { session: string } }) => {
    if (method === "GET") return { accounts: posts };
    asked.push([decodeURIComponent(path), body]);
    if (body.auth && confirmed.has(body.auth.session)) return { login_token: "token" };
    if (body.auth?.session === "s2") throw { httpStatus: 400, data: { errcode: "M_UNKNOWN" } };
    throw { httpStatus: 401, data: { session: body.auth?.session ?? `s${++begun}`, flows: [] } };
  };
  const client = { http: { authedRequest }, getHomeserverUrl: () => "https://here.example" } as unknown as MatrixClient;
  const people = { person: (id: string) => ({ id, name: id }), of: () => null };
  const changed: string[] = [];
  const matrix = { agency: new Agency(client), people } as unknown as Matrix;
  const model = new PostsViewModel(matrix, async (token) => void changed.push(token));
  return { asked, confirmed, changed, model };
}

test("a post is taken once its holder has confirmed on a page of the server", async () => {
  const { asked, confirmed, changed, model } = server();
  await vi.waitFor(() => expect(model.snapshot().posts).toHaveLength(2));
  expect(await model.take(ID)).toBe(true);
  const page = "https://here.example/_matrix/client/v3/auth/m.login.sso/fallback/web?session=s1";
  expect(model.snapshot()).toMatchObject({ confirm: { id: ID, session: "s1", page }, problem: null });
  await model.take(ID); // too early: the same page is shown again
  expect(model.snapshot().confirm?.session).toBe("s1");
  expect(changed).toEqual([]);
  confirmed.add("s1");
  await model.take(ID);
  expect(changed).toEqual(["token"]);
  const path = `/function_accounts/${ID}/take`;
  const auth = { auth: { session: "s1" } };
  expect(asked).toEqual([
    [path, {}],
    [path, auth],
    [path, auth],
  ]);
  model.close();
});

test("what was begun for one post confirms no other, and what has ended is begun anew", async () => {
  const { asked, changed, model } = server();
  await vi.waitFor(() => expect(model.snapshot().posts).toHaveLength(2));
  await model.take(ID);
  await model.take("@secours:here.example");
  expect(asked[1][1]).toEqual({});
  expect(model.snapshot().confirm).toMatchObject({ id: "@secours:here.example", session: "s2" });
  expect(await model.take("@secours:here.example")).toBe(false);
  expect(model.snapshot()).toMatchObject({ confirm: null, busy: false });
  expect(model.snapshot().problem).not.toBe(null);
  await model.take("@secours:here.example");
  expect(model.snapshot().confirm?.session).toBe("s3");
  model.forgo();
  expect(model.snapshot().confirm).toBe(null);
  expect(changed).toEqual([]);
  model.close();
});

test("handing a post back ends the session that took it, too", async () => {
  const ended: string[] = [];
  vi.stubGlobal(
    "fetch",
    async (url: string, { body, headers }: { body?: URLSearchParams; headers?: Record<string, string> } = {}) => {
      if (url !== "/account") ended.push(`${url} ${body?.get("token") ?? headers?.Authorization}`);
      return new Response("");
    },
  );
  const session = { refreshToken: null, revocationEndpoint: "/revoke", tokenEndpoint: "", deviceId: "D", userId: "@a:b" };
  const parent: Session = { ...session, clientId: "client", accessToken: "old", refreshToken: "hers" };
  await revoke({ ...session, clientId: "", accessToken: "post", parent });
  expect(ended).toEqual(["/_matrix/client/v3/logout Bearer post", "/revoke hers"]);
});
