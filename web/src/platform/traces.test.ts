import { expect, test } from "vitest";
import { cleaned, isCleaned, keepsTraces } from "./traces";

const bytes = (...parts: Array<string | number[]>): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((each) => (typeof each === "string" ? [...each].map((sign) => sign.charCodeAt(0)) : each)));

const joined = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => Uint8Array.from(parts.flatMap((each) => [...each]));

const segment = (marker: number, content: Uint8Array): Uint8Array =>
  joined(bytes([0xff, marker, (content.length + 2) >> 8, (content.length + 2) & 255]), content);

/** Exif with these tags, each a short of this value. */
function exif(...tags: Array<[number, number]>): Uint8Array {
  const entries = tags.flatMap(([tag, value]) => [tag & 255, tag >> 8, 3, 0, 1, 0, 0, 0, value, 0, 0, 0]);
  return bytes("Exif\0\0", "II", [42, 0, 8, 0, 0, 0, tags.length, 0], entries, [0, 0, 0, 0]);
}

const SCAN = bytes([0xff, 0xda, 0, 4, 1, 2, 9, 0xff, 0, 9, 0xff, 0xd0, 9]);
const END = bytes([0xff, 0xd9]);
const START = bytes([0xff, 0xd8]);
const FRAME = segment(0xc0, bytes([1, 2, 3]));
const COLOURS = segment(0xe2, bytes("ICC_PROFILE\0", [1, 1]));

test("a photograph loses where, with what, when and by whom it was taken, and keeps its colours and which way is up", () => {
  const told = segment(0xe1, exif([0x010f, 1], [0x0112, 6], [0x0132, 1], [0x013b, 1], [0x8825, 1]));
  const { bytes: clean, traces } = cleaned(joined(START, told, COLOURS, FRAME, SCAN, END), "image/jpeg");
  expect(traces.sort()).toEqual(["author", "date", "device", "place"]);
  const up = segment(
    0xe1,
    bytes("Exif\0\0MM", [0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]),
  );
  expect([...clean]).toEqual([...joined(START, up, COLOURS, FRAME, SCAN, END)]);
});

test.each([
  ["notes", joined(START, segment(0xe1, bytes("http://ns.adobe.com/xap/1.0/\0<x/>")), FRAME, SCAN, END)],
  ["notes", joined(START, segment(0xed, bytes("Photoshop 3.0\0")), segment(0xfe, bytes("a comment")), FRAME, SCAN, END)],
  ["notes", joined(START, segment(0xe1, bytes("Exif\0\0II", [42, 0, 255, 255, 255, 255])), FRAME, SCAN, END)], // broken
  ["hidden", joined(START, FRAME, SCAN, END, START, FRAME, SCAN, END)], // another picture, a film
  ["hidden", joined(START, segment(0xe2, bytes("MPF\0")), FRAME, SCAN, END)],
])("what else a photograph carries goes: %s", (trace, given) => {
  const { bytes: clean, traces } = cleaned(given, "image/jpeg");
  expect(traces).toEqual([trace]);
  expect([...clean]).toEqual([...joined(START, FRAME, SCAN, END)]);
});

test("a picture with several scans is whole afterwards", () => {
  const whole = joined(START, FRAME, SCAN, segment(0xc4, bytes([1])), SCAN, END);
  expect([...cleaned(joined(whole, bytes("film")), "image/jpeg").bytes]).toEqual([...whole]);
  expect(cleaned(whole, "image/jpeg")).toEqual({ bytes: whole, traces: [] });
});

const chunk = (type: string, content: Uint8Array): Uint8Array =>
  joined(bytes([0, 0, 0, content.length], type), content, bytes([7, 7, 7, 7]));
const PNG = bytes([0x89], "PNG", [0x0d, 0x0a, 0x1a, 0x0a]);

test("a PNG loses its texts, its date and its Exif", () => {
  const [picture, end] = [chunk("IDAT", bytes([1, 2])), chunk("IEND", bytes())];
  const told = [chunk("tEXt", bytes("Author\0A")), chunk("tIME", bytes([1])), chunk("eXIf", exif([0x8825, 1]).subarray(6))];
  const { bytes: clean, traces } = cleaned(joined(PNG, ...told, picture, end, bytes("after")), "image/png");
  expect(traces.sort()).toEqual(["date", "hidden", "notes", "place"]);
  expect([...clean]).toEqual([...joined(PNG, picture, end)]);
});

const riff = (...chunks: Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const content = joined(bytes("WEBP"), ...chunks);
  return joined(bytes("RIFF", [content.length, 0, 0, 0]), content);
};
const part = (type: string, content: Uint8Array): Uint8Array =>
  joined(bytes(type, [content.length, 0, 0, 0]), content, bytes(content.length % 2 ? [0] : []));

test("a WebP loses its Exif and its notes, and says so in its head", () => {
  const picture = part("VP8 ", bytes([1, 2, 3]));
  const given = riff(part("VP8X", bytes([0x1c, 0])), picture, part("EXIF", exif([0x8825, 1])), part("XMP ", bytes("x")));
  const { bytes: clean, traces } = cleaned(given, "image/webp");
  expect(traces.sort()).toEqual(["notes", "place"]);
  expect([...clean]).toEqual([...riff(part("VP8X", bytes([0x10, 0])), picture)]);
});

test("a WebP that lies on its side keeps saying so", () => {
  const picture = part("VP8 ", bytes([1, 2, 3]));
  const given = riff(part("VP8X", bytes([0x08, 0])), picture, part("EXIF", exif([0x0112, 8], [0x8825, 1])));
  const up = part("EXIF", bytes("MM", [0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0]));
  expect([...cleaned(given, "image/webp").bytes]).toEqual([...riff(part("VP8X", bytes([0x08, 0])), picture, up)]);
});

test.each(["image/jpeg", "image/png", "image/webp"])("what is not %s is not touched", (mime) => {
  expect(() => cleaned(bytes("<html>"), mime)).toThrow();
});

test("which files are cleaned here, and which keep what they say", () => {
  expect(["image/jpeg", "image/png", "image/gif", "video/mp4"].map(isCleaned)).toEqual([true, true, false, false]);
  expect(["image/heic", "video/quicktime", "image/jpeg", "application/pdf"].map(keepsTraces)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
