import i18next from "i18next";
import { beforeAll, expect, test } from "vitest";
import { count } from "../src/views/format";

beforeAll(async () => void (await i18next.init({ lng: "fr", resources: {} })));

test("numbers are written in the language that was chosen, not in the browser's", async () => {
  expect(count(1234567.4)).toBe("1\u202f234\u202f567");
  await i18next.changeLanguage("en");
  expect(count(1234567.4)).toBe("1,234,567");
});
