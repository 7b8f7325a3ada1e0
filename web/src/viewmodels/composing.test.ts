import { expect, test } from "vitest";
import { composeNow, loadMarkdown } from "./composing";

test("it is at hand once it was loaded", async () => {
  const compose = await loadMarkdown();
  expect(composeNow()).toBe(compose);
  expect(compose("**a**", [])).toMatchObject({ html: "<strong>a</strong>" });
});
