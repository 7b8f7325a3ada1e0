import { beforeEach, expect, test } from "vitest";
import { isForeign, keepShared } from "../src/platform/share_in";
import { takeShared } from "../src/platform/shared";

const OWN = "https://chappe.example";

const sent = (destination: string, referrer: string, origin?: string) => ({
  destination: destination as RequestDestination,
  referrer,
  headers: new Headers(origin ? { origin } : {}),
});

test.each([
  ["a share of another application", sent("document", ""), false],
  ["a share, as some browsers name it", sent("document", "about:client", "null"), false],
  ["the client's own page", sent("document", `${OWN}/`, OWN), false],
  ["a form of another site", sent("document", "https://evil.example/"), true],
  ["a form that hides its page, but not its origin", sent("document", "", "https://evil.example"), true],
  ["a host that only begins alike", sent("document", `${OWN}.evil.example/`), true],
  ["a form in a frame", sent("iframe", ""), true],
])("%s", (_what, request, foreign) => {
  expect(isForeign(request, OWN)).toBe(foreign);
});

/** The browser's own store of answers, as far as a share needs one. */
function store(): CacheStorage {
  let kept: Map<string, Response> | null = null;
  return {
    open: async () => {
      const into = kept ?? new Map<string, Response>();
      kept = into;
      return {
        put: async (name: string, answer: Response) => void into.set(name, answer),
        match: async (name: string) => into.get(name)?.clone(),
      };
    },
    delete: async () => {
      const had = kept !== null;
      kept = null;
      return had;
    },
  } as unknown as CacheStorage;
}

let stores: CacheStorage;
beforeEach(() => {
  stores = store();
});

function form(text: string, ...names: string[]): FormData {
  const made = new FormData();
  made.set("title", "Note");
  made.set("text", text);
  for (const name of names) made.append("files", new File([`contents of ${name}`], name, { type: "text/plain" }));
  return made;
}

test("what is shared is taken once, whole", async () => {
  const id = await keepShared(form("à lire", "a.txt", "b.txt"), stores, 0);
  const shared = (await takeShared(id, stores, 1000))!;
  expect(shared.text).toBe("Note\nà lire");
  expect(shared.files.map(({ name, type }) => [name, type])).toEqual([
    ["a.txt", "text/plain"],
    ["b.txt", "text/plain"],
  ]);
  expect(await shared.files[1].text()).toBe("contents of b.txt");
  expect(await takeShared(id, stores, 1000)).toBe(null);
});

test("a link does not bring back what waits: it has a name, and ten minutes", async () => {
  const id = await keepShared(form("à lire"), stores, 0);
  for (const other of ["", "true", crypto.randomUUID()]) expect(await takeShared(other, stores, 1000)).toBe(null);
  expect((await takeShared(id, stores, 2000))?.text).toBe("Note\nà lire");
  const late = await keepShared(form("à lire"), stores, 0);
  expect(await takeShared(late, stores, 600_000)).toBe(null);
  expect(await takeShared(late, stores, 1000)).toBe(null);
});

test("one share replaces the one before it, its files too", async () => {
  await keepShared(form("un", "a.txt", "b.txt"), stores, 0);
  const id = await keepShared(form("deux", "c.txt"), stores, 0);
  expect((await takeShared(id, stores, 1))!.files.map(({ name }) => name)).toEqual(["c.txt"]);
});
