import { afterEach, expect, test, vi } from "vitest";
import { quietly } from "./quiet_fetch";

afterEach(() => vi.unstubAllGlobals());

test("every request says which language was chosen here", async () => {
  const asked: Headers[] = [];
  vi.stubGlobal("document", { documentElement: { lang: "en" } });
  vi.stubGlobal("fetch", async (_url: unknown, options: RequestInit) => {
    asked.push(new Headers(options.headers));
    return new Response("{}");
  });
  const at = "https://here.example/_matrix/client/v3";
  await quietly(new URL(`${at}/sync`), { headers: { Authorization: "Bearer x" } });
  await quietly(`${at}/sync`);
  await quietly(new URL(`${at}/room_keys/version`));
  expect(asked.map((each) => each.get("Accept-Language"))).toEqual(["en", "en", "en"]);
  expect(asked[0].get("Authorization")).toBe("Bearer x");
});
