import type { TFunction } from "i18next";
import { expect, test } from "vitest";
import { initials } from "../src/views/ui/avatar";
import { verdictOf } from "../src/views/verdict";

const t = ((key: string, { what }: { what: string }) => `${key} ${what}`) as unknown as TFunction;

test("an avatar has letters, of a name or of an address", () => {
  expect(initials("Anne Martin [Culture]")).toBe("AM");
  expect(initials("@neighbour:elsewhere.example")).toBe("N");
  expect(initials("…")).toBe("?");
});

test("what the antivirus says is said in the reader's language where it is known", () => {
  expect(verdictOf("Threat found: Eicar", t)).toBe("scan.threat Eicar");
  expect(verdictOf("Files of type text/html are not allowed", t)).toBe("scan.type text/html");
  expect(verdictOf("An appliance's own words", t)).toBe("An appliance's own words");
});
