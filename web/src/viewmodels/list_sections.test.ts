import { expect, test } from "vitest";
import { summary } from "../../tests/fakes";
import { ownSections, placed, sectionOf, sectionsOf, spotOf, tagOf } from "./list_sections";

const CRISIS = { tag: "u.crise", name: "Crue de la Saône" };
const CABINET = { tag: "u.cabinet", name: "Cabinet", byTime: true };

const ROOMS = [
  summary({ id: "!asked", membership: "invite", isUnread: true }),
  summary({ id: "!c1", section: "u.crise", order: 0.8, isUnread: true, mentions: 2 }),
  summary({ id: "!c2", section: "u.crise", order: 0.2 }),
  summary({ id: "!c3", section: "u.crise" }),
  summary({ id: "!k1", section: "u.cabinet", order: 0.9 }),
  summary({ id: "!k2", section: "u.cabinet", order: 0.1 }),
  summary({ id: "!f1", favourite: true, order: 0.5 }),
  summary({ id: "!f2", favourite: true, order: 0.5 }),
  summary({ id: "!recent" }),
  summary({ id: "!low", low: true }),
  summary({ id: "!away", favourite: true, archived: true }),
];

const shown = (sections: ReturnType<typeof sectionsOf>): Record<string, string[]> =>
  Object.fromEntries(sections.map(({ name, rooms }) => [name, rooms.map((each) => each.id)]));

test("sections of one's own stand after the favourites, in the chosen order, each in its own", () => {
  const sections = sectionsOf(ROOMS, [CABINET, CRISIS], true);
  expect(shown(sections)).toEqual({
    invites: ["!asked"],
    favourites: ["!f1", "!f2"], // equal numbers: newest first
    "u.cabinet": ["!k1", "!k2"], // by the last message
    "u.crise": ["!c2", "!c1", "!c3"], // what has no number is last
    recent: ["!recent"],
    low: ["!low"],
    archived: ["!away"],
  });
  expect(sections.map((each) => each.name)).toEqual(Object.keys(shown(sections)));
  expect(sections.find((each) => each.name === "u.crise")).toMatchObject({ title: "Crue de la Saône", unread: 1, mentions: 2 });
});

test("an empty section of one's own is shown where all rooms are; the client's own are not", () => {
  const empty = { tag: "u.vide", name: "Vide" };
  expect(sectionsOf([], [empty], true).map((each) => each.name)).toEqual(["u.vide"]);
  expect(sectionsOf([], [empty], false)).toEqual([]);
});

test("a section that another client has made is one too", () => {
  expect(ownSections([summary({ section: "u.Nheko" }), summary({ section: "u.crise" })], [CRISIS])).toEqual([
    CRISIS,
    { tag: "u.Nheko", name: "Nheko" },
  ]);
});

test.each<[string, string | null]>([
  ["favourites", "m.favourite"],
  ["u.crise", "u.crise"],
  ["low", "m.lowpriority"],
  ["recent", null],
])("a room that is put into %s stands there, and the server's answer is recognised", (section, tag) => {
  expect(tagOf(section)).toEqual({ tag });
  const room = placed(summary({ favourite: true, order: 0.3 }), { tag, order: 0.7 });
  expect(sectionOf(room)).toBe(section);
  expect(spotOf(room)).toEqual({ tag, order: 0.7 });
});

test("nothing is put among invitations and archives", () => {
  expect([tagOf("invites"), tagOf("archived")]).toEqual([null, null]);
});
