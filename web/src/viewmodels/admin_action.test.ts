import { expect, test } from "vitest";
import { filled, isMissing, PEOPLE, SWITCHES, switchedBy, type Typed, valuesOf } from "./admin_action";
import { FIELDS } from "./admin_views";

const typed = (change: Partial<Typed> = {}): Typed => ({ given: {}, switched: {}, people: [], ...change });

test.each<[string, Partial<Typed>, object]>([
  ["lock", {}, {}],
  ["renew", {}, {}], // without a day: what the installation gives
  ["renew", { given: { ends_ts: "2027-01-31" } }, { ends_ts: new Date(2027, 0, 31, 23, 59).getTime() }],
  ["restore_keys", { given: { at_ts: "2027-01-31T08:30" } }, { at_ts: new Date(2027, 0, 31, 8, 30).getTime() }],
  ["give_guest", { people: ["@a:b", "@c:d"] }, { sponsor: "@a:b" }],
  ["set_holders", { people: ["@a:b", "@c:d"] }, { holders: ["@a:b", "@c:d"] }],
  ["set_holders", {}, { holders: [] }],
  ["export_person", {}, { with_held: false }],
  ["lift_hold", { given: { reason: " vu " } }, { reason: "vu" }],
])("%s is sent as it is meant: %j", (action, given, expected) => {
  expect(valuesOf(action, typed(given))).toEqual(expected);
});

test("an organisation says all of itself", () => {
  const row = {
    name: "culture",
    label: "Culture",
    home: "a.fr",
    addresses: ["a.fr", "b.fr"],
    colour: null,
    guest_days: 90,
    forums: false,
  };
  const given = filled("set_organisation", row);
  expect(given).toMatchObject({ addresses: "a.fr\nb.fr", colour: "", guest_days: "90" });
  const switched = switchedBy(row);
  expect(switched).toEqual({ by_invitation: false, guests: true, forums: false });
  const { addresses, ...others } = valuesOf(
    "set_organisation",
    typed({ given: { ...given, addresses: "a.fr; b.fr,\nc.fr" }, switched }),
  );
  expect(addresses).toEqual(["a.fr", "b.fr", "c.fr"]);
  const said = { name: "culture", label: "Culture", home: "a.fr", colour: null, guest_days: 90 };
  expect(others).toEqual({ ...said, by_invitation: false, guests: true, forums: false });
  expect([filled("set_organisation", null), filled("lock", row)]).toEqual([{}, {}]);
});

test.each([
  ["lock", {}, [], false],
  ["renew", {}, [], false],
  ["lift_hold", {}, [], true],
  ["lift_hold", { reason: "  " }, [], true],
  ["lift_hold", { reason: "vu" }, [], false],
  ["give_guest", {}, [], true],
  ["give_guest", {}, ["@a:b"], false],
  ["set_holders", {}, [], false], // nobody may hold a post
])("%s with %j and %j: something is missing: %s", (action, given, people, missing) => {
  expect(isMissing(action, given, people)).toBe(missing);
});

test("fields of people and switches are asked for somewhere", () => {
  const asked = new Set(Object.values(FIELDS).flat());
  expect([...PEOPLE, ...SWITCHES].filter((each) => !asked.has(each))).toEqual([]);
});
