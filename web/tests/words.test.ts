import { expect, test } from "vitest";
import { allowsFile } from "../src/matrix/agency";
import { addressesIn } from "../src/viewmodels/create_room";
import { compose } from "../src/viewmodels/markdown";
import { schema, toMarkdown } from "../src/viewmodels/rich_text";
import { readRoute, writeRoute } from "../src/viewmodels/route";
import { readCommand, wanted, worryAbout } from "../src/viewmodels/words";

test.each([
  ["bonjour", "bonjour", null],
  ["**19 h**", "**19 h**", "<strong>19 h</strong>"],
  ["<b>x</b>", "<b>x</b>", null],
  ["a\nb", "a\nb", null],
  ["![x](https://e.org/p.png)", "![x](https://e.org/p.png)", '<a href="https://e.org/p.png">x</a>'],
  ["/me arrive", "arrive", null],
  ["/plain **x**", "**x**", null],
  ["un \\*astérisque\\*", "un *astérisque*", null],
  ["`\\*`", "`\\*`", "<code>\\*</code>"],
])("%s is sent as text and, where it needs it, as HTML", (typed, body, html) => {
  expect(compose(typed, [])).toMatchObject({ body, html });
});

test("nothing is sent for nothing", () => {
  expect(compose("  \n ", [])).toBeNull();
});

test("a mention becomes a link and is named", () => {
  const sent = compose("Bonjour @Claire Vasseur", [
    { id: "@claire:e.org", name: "Claire Vasseur" },
    { id: "@x:e.org", name: "Gone" },
  ])!;
  expect(sent.mentions).toEqual(["@claire:e.org"]);
  expect(sent.html).toContain('<a href="https://matrix.to/#/%40claire%3Ae.org">@Claire Vasseur</a>');
});

test("a mention is found with the backslashes of the rich field", () => {
  const sent = compose("Voir @j\\_durand", [{ id: "@j:e.org", name: "j_durand" }])!;
  expect(sent.mentions).toEqual(["@j:e.org"]);
  expect(sent.html).toContain('">@j_durand</a>');
});

const { doc, paragraph, bullet_list, list_item, blockquote, code_block } = schema.nodes;
const line = (text: string, ...marks: string[]) =>
  paragraph.create(
    null,
    schema.text(
      text,
      marks.map((each) => schema.mark(each)),
    ),
  );

test.each([
  ["bold", [line("19 h", "strong")], "**19 h**", "<strong>19 h</strong>"],
  ["signs that mean nothing", [line("2 * 3 * 4")], "2 \\* 3 \\* 4", null],
  [
    "an address",
    [line("https://e.org/~a_b_*c")],
    "https://e.org/~a_b_*c",
    '<a href="https://e.org/~a_b_*c">https://e.org/~a_b_*c</a>',
  ],
  [
    "a list",
    [bullet_list.create(null, [list_item.create(null, line("a")), list_item.create(null, line("b"))])],
    "- a\n- b",
    "<ul>\n<li>a</li>\n<li>b</li>\n</ul>",
  ],
  ["a quote", [blockquote.create(null, line("dit"))], "> dit", "<blockquote>\n<p>dit</p>\n</blockquote>"],
  ["code", [code_block.create(null, schema.text("a_b\n*c*"))], "```\na_b\n*c*\n```", "<pre><code>a_b\n*c*\n</code></pre>"],
])("%s of the rich field is kept as markdown and sent as HTML", (_name, blocks, markdown, html) => {
  const kept = toMarkdown(doc.create(null, blocks));
  expect(kept).toBe(markdown);
  expect(compose(kept, [])!.html).toBe(html);
});

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

test("addresses in a pasted list, however it is written", () => {
  const pasted = "Claire <claire@a.fr>; bob@b.fr,\nBOB@b.fr\n<c.d@e.gouv.fr>\nrien";
  expect(addressesIn(pasted)).toEqual(["claire@a.fr", "bob@b.fr", "c.d@e.gouv.fr"]);
});

test.each([
  "#/",
  "#/forums",
  "#/files",
  "#/settings",
  "#/settings/devices",
  "#/room/!a%3Ab",
  "#/room/!a%3Ab/%24event?panel=thread&id=%24root",
  "#/room/!a?panel=members",
])("%s is read and written back", (hash) => {
  expect(writeRoute(readRoute(hash))).toBe(hash);
});

test.each(["", "#/nowhere", "#/room", "#/settings/none?x=1"])("%s leads somewhere", (hash) => {
  expect(["home", "settings"]).toContain(readRoute(hash).screen);
});

const marked = (files: boolean, ...file_types: string[]) => ({
  name: "restricted",
  labels: {},
  guests: false,
  retention_days: 0,
  forwarding: false,
  link_sharing: false,
  calls: true,
  files,
  file_types,
});

test.each([
  [null, "application/zip", true],
  [marked(true), "application/zip", true],
  [marked(false), "image/png", false],
  [marked(true, "application/pdf", "image/*"), "image/png; x=y", true],
  [marked(true, "application/pdf", "image/*"), "application/zip", false],
  [marked(true, "image/*"), "", false],
])("files in a room with a marking %#", (level, mime, allowed) => {
  expect(allowsFile(level, mime)).toBe(allowed);
});
