import { expect, test } from "vitest";
import { ADMIN_TEXTS as EN } from "../i18n/en_admin";
import { ADMIN_TEXTS as FR } from "../i18n/fr_admin";
import type { Rights, Row } from "../matrix/console";
import { CRITICAL, EVERYWHERE, FIELDS, isCritical, isGrave, OPTIONAL, scopes, VIEWS, viewsFor } from "./admin_views";

const rights = (...names: string[]): Rights => ({
  everywhere: false,
  organisations: names.map((name) => ({ name, label: name })),
  has_codes: true,
});
const actions = (view: string, row: Row, by = rights("a"), me = "@me:a"): string[] =>
  VIEWS.find((each) => each.name === view)!.actions(row, by, me);

test("every list and action has its words, in both languages", () => {
  const known = [...CRITICAL, ...Object.keys(FIELDS)].map((each) => `admin.do.${each}`);
  for (const key of [...known, ...VIEWS.map((each) => `admin.view.${each.name}`)])
    for (const texts of [FR, EN]) expect([key, texts[key]]).toEqual([key, expect.any(String)]);
});

/** Whatever the server counts or dates is said as the language says it: what is not in this list has a way of its own. */
test("numbers, days and months are shown as such", () => {
  const words = ["organisation_label", "display_name", "purpose", "room_name", "reason", "body", "authority", "reference"];
  const names = ["address", "label", "name", "home", "user_id"];
  const plain = VIEWS.flatMap((view) => view.columns.filter(([, as]) => as === "text").map(([field]) => field));
  expect(plain.filter((field) => ![...words, ...names].includes(field))).toEqual([]);
  const times = VIEWS.flatMap((view) => view.columns.filter(([field]) => field.endsWith("_ts")));
  expect(times.filter(([, as]) => !["date", "time", "moment", "clock", "state"].includes(as))).toEqual([]);
});

test("what may be left out is asked for somewhere", () => {
  const asked = new Set(Object.values(FIELDS).flat());
  expect([...OPTIONAL].filter((each) => !asked.has(each))).toEqual([]);
});

test.each<[string, string, Row, string[], string[]]>([
  ["somebody who is locked", "people", { locked: true }, ["unlock"], ["lock"]],
  ["a post", "people", { kind: "function" }, ["set_holders"], ["reset_second_factor", "grant", "restore_keys"]],
  ["who administers", "people", { administers: true }, ["reset_second_factor"], ["grant"]],
  ["a room in the directory", "rooms", { listed: true, blocked: true }, ["unlist", "unblock"], ["block", "give_room"]],
  ["a file that was released", "files", { reason: "x", released_by: "@a:b" }, ["quarantine_file"], ["release_file"]],
  ["a lifted hold", "holds", { lifted_ts: 1 }, [], ["lift_hold"]],
  ["a package that is not ready", "exports", { state: "working" }, [], ["fetch"]],
  ["an alert about an address", "alerts", { user_id: "203.0.113.1" }, [], ["lock"]],
])("%s: what may be done", (_name, view, row, may, mayNot) => {
  const found = actions(view, row);
  expect(found).toEqual(expect.arrayContaining(may));
  expect(found.filter((each) => mayNot.includes(each))).toEqual([]);
});

test("moving needs rights at both ends", () => {
  expect(actions("people", {}, rights("a", "b"))).toContain("move");
  expect(actions("people", {}, rights("a"))).not.toContain("move");
});

test("who asked may only withdraw, what is decided stays", () => {
  expect(actions("requests", { asked_by: "@me:a" })).toEqual(["withdraw"]);
  expect(actions("requests", { asked_by: "@b:a" })).toEqual(["approve", "refuse"]);
  expect(actions("requests", { decided_ts: 1 })).toEqual([]);
});

test("what is done to who administers is critical as well", () => {
  expect([isCritical("lock", { administers: true }), isCritical("lock", {}), isCritical("erase", null)]).toEqual([
    true,
    false,
    true,
  ]);
  expect([isGrave("erase"), isGrave("renew")]).toEqual([true, false]);
});

test("the whole installation is a choice of its own, with lists of its own", () => {
  expect(scopes({ ...rights("a"), everywhere: true }, "Partout").map((each) => each.name)).toEqual([EVERYWHERE, "a"]);
  expect(scopes(rights("a"), "Partout").map((each) => each.name)).toEqual(["a"]);
  expect(viewsFor("a").map((each) => each.name)).not.toContain("organisations");
  expect(viewsFor(EVERYWHERE).map((each) => each.name)).toContain("organisations");
});
