import { expect, test } from "vitest";
import { person, refusal, settled, signedIn } from "../../tests/fakes";
import { PostsViewModel } from "./posts";

const POST = "@permanence:here.example";
const PAGE = { session: "s", page: "/confirm" };

function opened(take: (id: string, session?: string | null) => Promise<string | typeof PAGE>) {
  const changed: string[] = [];
  const matrix = signedIn({
    agency: {
      posts: async () => [
        { user_id: POST, display_name: "Permanence", holder: "@anne:here.example", since_ts: 5 },
        { user_id: "@secours:here.example", display_name: null, holder: null, since_ts: null },
      ],
      take,
    },
    people: { of: (_member, id) => person(id, "Anne") },
  });
  return { changed, model: new PostsViewModel(matrix, async (token) => void changed.push(token)) };
}

test("who holds each", async () => {
  const { model } = opened(async () => "token");
  expect(model.snapshot().posts).toBe(null);
  await settled();
  expect(model.snapshot().posts).toMatchObject([
    { person: { name: "Permanence" }, holder: { name: "Anne" } },
    { person: { name: "secours" }, holder: null },
  ]);
});

test("one is taken once that is confirmed; what was begun for one confirms no other", async () => {
  const asked: unknown[] = [];
  const { model, changed } = opened(async (id, session) => {
    asked.push([id, session]);
    return id === POST && session ? "token" : PAGE;
  });
  await settled();
  await model.take("@secours:here.example");
  await model.take(POST);
  expect(model.snapshot().confirm).toEqual({ ...PAGE, id: POST });
  expect(changed).toEqual([]);
  await model.take(POST);
  expect(changed).toEqual(["token"]);
  expect(asked).toEqual([
    ["@secours:here.example", null],
    [POST, null],
    [POST, "s"],
  ]);
});

test("a refusal is said, and who turns away has confirmed nothing", async () => {
  const { model } = opened(() => Promise.reject(refusal("M_FORBIDDEN")));
  await settled();
  expect(await model.take(POST)).toBe(false);
  expect(model.snapshot()).toMatchObject({ confirm: null, problem: { key: "error.M_FORBIDDEN" } });
  model.forgo();
  expect(model.snapshot().confirm).toBe(null);
});
