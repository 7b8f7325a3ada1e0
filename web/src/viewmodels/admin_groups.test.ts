import { expect, test } from "vitest";
import { ADMIN_TEXTS as EN } from "../i18n/en_admin";
import { ADMIN_TEXTS as FR } from "../i18n/fr_admin";
import type { Overview } from "../matrix/console";
import { groupsFor, toSee } from "./admin_groups";
import { EVERYWHERE, viewsFor } from "./admin_views";

const NUMBERS: Overview = {
  people: 12, locked: 1, ending: 3, leavers: 2, guests: 1, requests: 4, reports: 1, alerts: 0, files: 5,
  chain: { intact: true, number: 1, checked_ts: 1 },
}; // biome-ignore format: one line

test.each(["culture", EVERYWHERE])("every list stands in one entry of the menu of %s, and each entry has its words", (organisation) => {
  const groups = groupsFor(organisation);
  const names = groups.flatMap((group) => group.views.map((view) => view.name));
  expect([...names].sort()).toEqual(viewsFor(organisation).map((view) => view.name).sort());
  expect(new Set(names).size).toBe(names.length);
  expect(groups.length).toBeLessThanOrEqual(9);
  for (const { name } of groups) for (const texts of [FR, EN]) expect([name, texts[`admin.group.${name}`]]).toEqual([name, expect.any(String)]);
}); // biome-ignore format: sentences

test("what waits in a group's lists is counted together, accounts are not", () => {
  const counts = Object.fromEntries(groupsFor("culture").map((group) => [group.name, toSee(NUMBERS, group.views)]));
  expect(counts).toMatchObject({ todo: 10, people: 2, guests: 0, audit: 0 });
  expect(toSee(null, groupsFor("culture")[1].views)).toBe(0);
});

test("whose people they are is said where there are several's", () => {
  const columns = (organisation: string): string[] =>
    groupsFor(organisation)
      .flatMap((group) => group.views)
      .find((view) => view.name === "people")!
      .columns.map(([field]) => field);
  expect(columns("culture")).not.toContain("organisation_label");
  expect(columns(EVERYWHERE)).toContain("organisation_label");
});
