import { expect, test, vi } from "vitest";
import { refusal, signedIn } from "../../tests/fakes";
import type { Rules } from "../matrix/agency";
import type { Barred } from "../matrix/types";
import { Source } from "../platform/stream";
import { BarredViewModel } from "./barred";

const rules = (given: Partial<Rules> & { me?: Rules["me"] }): Rules => ({ me: { is_guest: false }, ...given }) as Rules;

function opened(given: Partial<Rules>, why: Barred = "expired") {
  const barred = new Source<Barred | null>(why);
  const retry = vi.fn();
  const agency = { rules: rules(given), askRenewal: async () => {}, renewByCode: async (code: string) => code === "right" };
  return { barred, retry, model: new BarredViewModel(signedIn({ barred, retry, agency })) };
}

test("why the account may do nothing is followed", () => {
  const { barred, model } = opened({});
  expect(model.snapshot().why).toBe("expired");
  barred.set("locked");
  expect(model.snapshot().why).toBe("locked");
});

test.each([
  ["an account without end", { account_days: 0 }, false, null],
  ["an account that ends", { account_days: 90 }, true, null],
  ["a guest with a sponsor", { account_days: 90, me: { is_guest: true, sponsor: "Anne" } }, false, "Anne"],
  ["a guest without", { account_days: 90, me: { is_guest: true } }, false, ""],
])("%s: whether it renews itself, or who does", (_name, given, may, sponsor) => {
  const { model } = opened(given);
  expect([model.mayRenew, model.sponsor]).toEqual([may, sponsor]);
});

test("a mail is sent; a code that is wrong says so, the right one asks the server again", async () => {
  const { model, retry } = opened({ renewal_by_link: false, account_days: 90 });
  expect(model.byCode).toBe(true);
  await model.send();
  expect(model.snapshot().sent).toBe(true);
  await model.renew("wrong");
  expect(model.snapshot().wrong).toBe(true);
  expect(retry).not.toHaveBeenCalled();
  await model.renew("right");
  expect(model.snapshot().wrong).toBe(false);
  expect(retry).toHaveBeenCalledOnce();
});

test("too many mails: it is said how long to wait", async () => {
  const askRenewal = () => Promise.reject(refusal("M_LIMIT_EXCEEDED", { retry_after_ms: 7000 }));
  const model = new BarredViewModel(signedIn({ agency: { askRenewal } }));
  await model.send();
  expect(model.snapshot()).toMatchObject({ sent: false, problem: { key: "error.M_LIMIT_EXCEEDED", values: { seconds: 7 } } });
});
