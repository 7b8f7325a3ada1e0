import { createInstance } from "i18next";
import { expect, test } from "vitest";
import { TEXTS as EN } from "../src/i18n/en";
import { ADMIN_TEXTS as EN_ADMIN } from "../src/i18n/en_admin";
import { TEXTS as FR } from "../src/i18n/fr";
import { ADMIN_TEXTS as FR_ADMIN } from "../src/i18n/fr_admin";
import { elided, typeset } from "../src/i18n/typography";

/** Straight quotes and apostrophes in words; in French, signs that may begin a line or end one, and English quotation marks. */
const STRAIGHT = /(?<=\p{L})'(?=\p{L})|(?<=\s|^)"\p{L}/u;
const BREAKS = /[ ](?=[:;?!»%])|« |[“”]|[\p{L}\d)]»|«[\p{L}\d(]|\p{L}[;?!](?=\s|$)/u;

test.each([
  ["fr", { ...FR, ...FR_ADMIN }],
  ["en", { ...EN, ...EN_ADMIN }],
] as const)("every text is typeset as its language asks: %s", (language, texts) => {
  const wrong = Object.entries(typeset(language, texts)).filter(
    ([, text]) => STRAIGHT.test(text) || (language === "fr" ? BREAKS.test(text) : /«|»| [:;?!]/.test(text)),
  );
  expect(wrong).toEqual([]);
});

test("a name after “de”", async () => {
  for (const [name, said] of [
    ["Anne", "d’Anne"],
    ["Élodie", "d’Élodie"],
    ["Hugo", "d’Hugo"],
    ["Karim", "de Karim"],
    ["42.png", "de 42.png"],
  ])
    expect(elided(name)).toBe(said);
  const words = createInstance();
  const translation = typeset("fr", { image: "Image de {{name}} : {{file}}" });
  await words.init({ lng: "fr", resources: { fr: { translation } }, interpolation: { escapeValue: false } });
  words.services.formatter?.add("de", elided);
  expect(words.t("image", { name: "Anne", file: "x" })).toBe("Image d’Anne\u00a0: x");
  expect(words.t("image", { name: "Karim", file: "x" })).toBe("Image de Karim\u00a0: x");
});
