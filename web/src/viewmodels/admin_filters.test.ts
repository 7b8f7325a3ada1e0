import { expect, test } from "vitest";
import { ADMIN_TEXTS as EN } from "../i18n/en_admin";
import { ADMIN_TEXTS as FR } from "../i18n/fr_admin";
import type { Rights } from "../matrix/console";
import { filtersOf, IN_MENU, isNarrowed, OVERVIEW, readFilters } from "./admin_filters";
import { EVERYWHERE, VIEWS } from "./admin_views";
import { readRoute, writeRoute } from "./route";

const RIGHTS: Rights = { everywhere: true, organisations: [{ name: "culture", label: "Culture" }], has_codes: true };

test("every filter and number has its words, in both languages", () => {
  const keys = [
    ...["people", "audit"].flatMap((view) =>
      filtersOf(view, EVERYWHERE, RIGHTS).flatMap(({ name, values }) => [
        `admin.filter.${name}`,
        ...values
          .filter((each) => !each.label)
          .map(({ value }) => (name === "action" && value ? `admin.do.${value}` : `admin.filter.${name}.${value || "any"}`)),
      ]),
    ),
    ...OVERVIEW.map(({ number }) => `admin.overview.${number}`),
  ];
  for (const texts of [FR, EN]) expect(keys.filter((key) => !texts[key])).toEqual([]);
});

test("the organisation is a filter for who administers all of them", () => {
  const names = (organisation: string) => filtersOf("people", organisation, RIGHTS).map(({ name }) => name);
  expect(names(EVERYWHERE)).toEqual(["state", "seen", "organisation"]);
  expect(names("culture")).toEqual(["state", "seen"]);
  expect(filtersOf("rooms", EVERYWHERE, RIGHTS)).toEqual([]);
});

test.each<[string | undefined, object]>([
  ["state=locked&seen=never", { state: "locked", seen: "never" }],
  ["state=', or anything&x=1", {}],
  ["organisation=culture", { organisation: "culture" }],
  ["organisation=other", {}],
  [undefined, {}],
])("an address says how a list is narrowed down, as far as there is such a filter: %s", (query, expected) => {
  expect(readFilters(query, filtersOf("people", EVERYWHERE, RIGHTS))).toEqual(expected);
});

test("each number of the overview leads to a list that there is, narrowed down by a filter that there is", () => {
  for (const { view } of OVERVIEW) {
    const hash = `#/admin/culture/${view}`;
    const route = readRoute(hash);
    expect(writeRoute(route)).toBe(hash);
    const [name, query] = view.split("?");
    expect(VIEWS.map((each) => each.name)).toContain(name);
    if (query) expect(Object.keys(readFilters(query, filtersOf(name, "culture", RIGHTS)))).toHaveLength(1);
  }
});

test("a list is narrowed down by what is looked for, or by a filter", () => {
  expect([
    isNarrowed(" ", {}),
    isNarrowed("a", {}),
    isNarrowed("", { state: "" }),
    isNarrowed("", { state: "locked" }),
  ]).toEqual([false, true, false, true]);
});

test("whose acts the audit log has is what it is narrowed down to", () => {
  const authors = [{ value: "@anne:x", label: "Anne" }];
  const by = filtersOf("audit", "culture", RIGHTS, authors).find((each) => each.name === "by");
  expect(by?.values).toEqual([{ value: "" }, ...authors]);
});

test("what stands in the menu is a number of the overview", () => {
  for (const name of IN_MENU) expect(OVERVIEW.map(({ number }) => number)).toContain(name);
  for (const name of IN_MENU) expect(VIEWS.map((each) => each.name)).toContain(name);
});
