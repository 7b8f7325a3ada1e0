import { expect, test } from "vitest";
import { person } from "../../tests/fakes";
import { matching, readCommand, wanted, worryAbout } from "./words";

test.each([
  ["/topic Crue", { name: "topic", rest: "Crue" }],
  ["/leave", { name: "leave", rest: "" }],
  ["//chemin", null],
  ["a /topic", null],
])("%s as a command", (typed, command) => {
  expect(readCommand(typed)).toEqual(command);
});

test.each([
  ["mot de passe : soleil2026", "secret"],
  ["-----BEGIN PRIVATE KEY-----", "secret"],
  ["mon numéro : 1 85 05 78 006 084 36", "secret"],
  ["FR76 3000 6000 0112 3456 7890 189", "secret"],
  ["DIFFUSION RESTREINTE", "marking"],
  ["secret médical", "marking"],
  ["rendez-vous à 14 h", null],
  ["le mot de passe est à changer", null],
])("%s worries: %s", (text, worry) => {
  expect(worryAbout(text)).toBe(worry);
});

test.each([
  ["Bonjour @cla", { kind: "person", word: "cla", from: 8 }],
  ["@", { kind: "person", word: "", from: 0 }],
  ["a@b", null],
  [":po", { kind: "emoji", word: "po", from: 0 }],
  [":p", null],
  ["/to", { kind: "command", word: "to", from: 0 }],
  ["a /to", null],
])("after %s is offered", (text, expected) => {
  expect(wanted(text)).toEqual(expected);
});

test("people are found by the beginning of any part of their name, accents or not", () => {
  const people = [person("@1:a", "Élodie Martin"), person("@2:a", "Jean-Éric Dumas"), person("@3:a", "Claire Vasseur")];
  expect(matching(people, "eric").map((each) => each.id)).toEqual(["@2:a"]);
  expect(matching(people, "Élo").map((each) => each.id)).toEqual(["@1:a"]);
  expect(matching(people, "jean-é").map((each) => each.id)).toEqual(["@2:a"]);
  expect(matching(people, "asseur")).toEqual([]);
  expect(
    matching(
      Array.from({ length: 20 }, (_, at) => person(`@${at}:a`, "Anne")),
      "a",
    ),
  ).toHaveLength(8);
});
