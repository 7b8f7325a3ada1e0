import { expect, test } from "vitest";
import { person } from "../../tests/fakes";
import { namedByLinks, namedIn } from "./named_people";

const ANNE = person("@anne:here.example", "Anne Martin");
const SHORT = person("@an:here.example", "Anne");

test("whom a message named is read from its links, and from nothing else", () => {
  const link = (id: string, name: string): string => `<a href="https://matrix.to/#/${id}">${name}</a>`;
  const html = `Bonjour ${link("%40anne%3Ahere.example", "@Anne &amp; Cie")}, ${link("%21room%3Ahere.example", "Crue")} ${link("%E0%A4%A", "@x")} <a href="https://e.org/#/@b:c">@b</a>`;
  expect(namedByLinks(html)).toEqual([{ id: ANNE.id, name: "Anne & Cie" }]);
});

test("whom a text names: the longest name, and nobody by a name of two", () => {
  const twin = person("@other:here.example", "Anne Martin");
  const named = (text: string, people = [SHORT, ANNE]): string[] => namedIn(text, people).map((each) => each.id);
  expect(named("@Anne Martin, dis-moi")).toEqual([ANNE.id]);
  expect(named("@Anne et @Anne Martin")).toEqual([ANNE.id, SHORT.id]);
  expect(named("Anne Martin, anne@martin.fr")).toEqual([]);
  expect(named("@Anne Martin", [ANNE, twin])).toEqual([]);
});
