import { expect, test } from "vitest";
import { TEXTS as EN } from "../src/i18n/en";
import { TEXTS as FR } from "../src/i18n/fr";
import { endedBy, keepsDevice } from "../src/matrix/ended";

test.each([
  [{ soft_logout: true }, "again", true],
  [{ soft_logout: true, reason: "unusual_activity" }, "unusual", true],
  [{ soft_logout: true, reason: "password_changed" }, "again", true],
  [{ soft_logout: false, reason: "password_changed" }, "password", false],
  [{ soft_logout: false, reason: "signed_out_everywhere" }, "everywhere", false],
  [{ soft_logout: false, reason: "account_ended" }, "closed", false],
  [{ soft_logout: false }, "ended", false],
  [{}, "ended", false], // another server's answer
  [{ reason: "constructor" }, "ended", false],
])("what a session's end means, in words of its own: %j", (answer, why, keeps) => {
  expect(endedBy(answer)).toBe(why);
  expect(keepsDevice(endedBy(answer))).toBe(keeps);
  for (const texts of [FR, EN]) {
    const said = texts[`signIn.problem.${why}`];
    expect(Object.values(texts).filter((each) => each === said).length).toBe(1);
  }
});
