import { expect, test } from "vitest";
import { item, ME, person } from "../../tests/fakes";
import type { Content } from "../matrix/types";
import { toldBy } from "./named_people";
import { type Called, saidOf, servicesBy, servicesFor, servicesIn, servicesOf, shownServices, withServices } from "./services";

const of = (id: string, service: string | null, organisation: string | null = null): Called => ({
  ...person(`@${id}:a`, id),
  service,
  organisation,
});
const ROOM = [
  of("anne", "Presse"),
  of("bob", "Cabinet"),
  of("claire", "PRESSE"),
  of("dan", null),
  of("eve", "Service d’appui"),
];

test("those of a room are of the services that their directories say, however it is written", () => {
  expect(servicesOf(ROOM)).toEqual([
    { name: "Cabinet", ids: ["@bob:a"] },
    { name: "Presse", ids: ["@anne:a", "@claire:a"] },
    { name: "Service d’appui", ids: ["@eve:a"] },
  ]);
  expect(servicesOf([])).toEqual([]);
});

test("services of the same name in two organisations are two, and say whose they are", () => {
  const room = [of("anne", "Presse", "Culture"), of("bob", "Presse", "Santé"), of("claire", "Cabinet", "Santé")];
  expect(servicesOf(room).map((each) => each.name)).toEqual(["Cabinet", "Presse – Culture", "Presse – Santé"]);
});

test("they are found by any word of theirs, without accents, a few at most", () => {
  const found = (word: string, room = ROOM) => servicesFor(room, word).map((each) => each.name);
  expect([found("pre"), found("APP"), found("service d"), found("zz")]).toEqual([
    ["Presse"],
    ["Service d’appui"],
    ["Service d’appui"],
    [],
  ]);
  expect(
    found(
      "",
      [1, 2, 3, 4, 5].map((each) => of(String(each), `S${each}`)),
    ),
  ).toEqual(["S1", "S2", "S3"]);
});

test("a text names the longest name that it has, and no word that only begins like one", () => {
  const services = ["Presse", "Presse régionale", "C++ (B)"].map((name) => ({ name, ids: ["@a:a"] }));
  const names = (text: string) => servicesIn(text, services).map((each) => each.name);
  expect(names("@Presse régionale, bonjour")).toEqual(["Presse régionale"]);
  expect(names("@Presse et @Presse régionale")).toEqual(["Presse régionale", "Presse"]);
  expect(names("@Pressentiment Presse")).toEqual([]);
  expect(names("@C++ (B) ? et @C\\+\\+ \\(B\\)")).toEqual(["C++ (B)"]);
});

test("its number stands after it once, also where it stood there before", () => {
  const services = [{ name: "Presse", ids: ["@a:a", "@b:a"] }];
  for (const text of ["vu @Presse.", "vu @Presse (7).", "vu @Presse \\(7\\)."])
    expect(withServices(text, services, saidOf)).toBe("vu @Presse (2).");
});

test("a message shows whom it tells by name, and whether oneself is of it", () => {
  const many = Array.from({ length: 14 }, (_, at) => `@${at}:a`);
  const shown = shownServices(
    [
      { name: "Presse", ids: [ME, "@b:a"] },
      { name: "Cabinet", ids: many },
    ],
    ME,
    (id) => id.slice(1, 3),
  );
  expect(shown.get("Presse")).toMatchObject({ text: "@Presse (2)", isMine: true });
  expect(shown.get("Cabinet")).toMatchObject({ text: "@Cabinet (14)", isMine: false });
  expect(shown.get("Cabinet")!.title).toMatch(/^0:.*…$/);
});

test("whom a service told is not told again by an edit; a poll names nobody", () => {
  const content: Content = {
    type: "text",
    body: "",
    html: null,
    emote: false,
    notice: false,
    services: [{ name: "P", ids: ["@b:a"] }],
  };
  expect(toldBy({ ...item(), content })).toEqual(["@b:a"]);
  expect(servicesBy(item())).toEqual([]);
  expect(servicesBy({ ...item(), content: { type: "deleted", by: null, reason: null } })).toEqual([]);
});
