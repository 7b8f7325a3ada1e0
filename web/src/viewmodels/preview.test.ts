import { expect, test } from "vitest";
import { decoded, isOfGallery, kindOf, separated } from "./preview";

const kind = (mime: string, name = "a", size = 10) => kindOf({ mime, name, size });

test.each([
  ["image/png", "a.png", "picture"],
  ["video/mp4", "a.mp4", "film"],
  ["audio/mpeg", "a.mp3", "sound"],
  ["application/pdf", "a", "pdf"],
  ["application/octet-stream", "Note.PDF", "pdf"],
  ["text/plain", "notes.txt", "text"],
  ["text/plain; charset=utf-8", "a", "text"],
  ["text/plain", "liste.csv", "table"],
  ["application/vnd.ms-excel", "liste.csv", "table"], // what Windows says of it
  ["application/vnd.oasis.opendocument.spreadsheet", "a.ods", "sheet"],
  ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx", "writing"],
  ["application/zip", "a.odt", "writing"],
])("what can be looked at in its place: %s %s", (mime, name, expected) => {
  expect(kind(mime, name)).toBe(expected);
});

test.each([
  ["text/html", "a.html"],
  ["application/xhtml+xml", "a.xhtml"],
  ["image/svg+xml", "a.svg"],
  ["text/xml", "a.xml"],
  ["text/html", "a.txt"], // what is said of it counts, where it says something
  ["image/svg+xml", "a.pdf"],
  ["application/octet-stream", "a.exe"],
  ["application/vnd.ms-excel", "a.xls"],
  ["", "constructor"],
])("what could carry scripts, or is not known, is only downloaded: %s %s", (mime, name) => {
  expect(kind(mime, name)).toBe(null);
});

test("what is too large to be read here is downloaded", () => {
  expect(kind("text/plain", "a.txt", 30_000_000)).toBe(null);
  expect(kind("video/mp4", "a.mp4", 30_000_000)).toBe("film");
});

test("pictures and films follow each other", () => {
  expect((["picture", "film", "pdf", null] as const).map(isOfGallery)).toEqual([true, true, false, false]);
});

test.each([
  ["UTF-8", [0xc3, 0xa9]],
  ["Windows", [0xe9]],
  ["UTF-16, as Windows calls Unicode", [0xff, 0xfe, 0xe9, 0]],
])("text is read whatever wrote it: %s", (_what, bytes) => {
  expect(decoded(Uint8Array.from(bytes))).toEqual({ text: "é", isCut: false });
});

test("a very long text is cut, and says so", () => {
  const { text, isCut } = decoded(new Uint8Array(500_000).fill(97));
  expect([text.length, isCut]).toEqual([400_000, true]);
});

const table = (text: string) => separated({ text, isCut: false }).rows;

test.each([
  ["a;b\n1;2\n", [["a", "b"], ["1", "2"]]],
  ['a,b\n"un, deux","dit ""oui"""', [["a", "b"], ["un, deux", 'dit "oui"']]],
  ["a\tb\n\tc", [["a", "b"], ["", "c"]]],
  ['a;"deux\nlignes"\nb;', [["a", "deux\nlignes"], ["b", ""]]],
  ["", [[""]]],
])("a table is read with whichever sign separates its cells: %j", (text, rows) => {
  expect(table(text)).toEqual(rows);
}); // biome-ignore format: tables

test("a broken table is shown as far as it is understood", () => {
  expect(table('a;"b\nc;d')[0][0]).toBe("a");
});

test("a table of any length ends", () => {
  const { rows, isCut } = separated({ text: "a;b\n".repeat(10_000), isCut: false });
  expect([rows.length, isCut]).toEqual([2000, true]);
});
