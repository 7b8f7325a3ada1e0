import { expect, test } from "vitest";
import { mayMove, still } from "./still";

const letters = (text: string): number[] => [...text].map((each) => each.charCodeAt(0));
const chunk = (name: string, length = 0): number[] => [0, 0, 0, length, ...letters(name), ...Array(length + 4).fill(0)];
const PNG = [0x89, ...letters("PNG"), 13, 10, 26, 10];
const webp = (kind: string, flags: number): number[] => [
  ...letters("RIFF"),
  9,
  0,
  0,
  0,
  ...letters(`WEBP${kind}`),
  10,
  0,
  0,
  0,
  flags,
];
const avif = (brand: string): number[] => [
  0,
  0,
  0,
  24,
  ...letters("ftyp"),
  ...letters(brand),
  0,
  0,
  0,
  0,
  ...letters("mif1"),
  ...letters("x"),
];

test.each<[string, number[], boolean]>([
  ["a GIF", letters("GIF89a"), true],
  ["a PNG", [...PNG, ...chunk("IHDR", 13), ...chunk("IDAT")], false],
  ["a PNG that moves", [...PNG, ...chunk("IHDR", 13), ...chunk("acTL", 8), ...chunk("IDAT")], true],
  ["a PNG whose picture comes first", [...PNG, ...chunk("IDAT"), ...chunk("acTL", 8)], false],
  ["a PNG that is cut", [...PNG, 0, 0, 0], false],
  ["a PNG of endless chunks", [...PNG, 255, 255, 255, 255, ...letters("IHDR")], false],
  ["a WebP", webp("VP8 ", 2), false],
  ["a WebP that moves", webp("VP8X", 2), true],
  ["a WebP that does not", webp("VP8X", 0x10), false],
  ["an AVIF", avif("avif"), false],
  ["an AVIF that moves", avif("avis"), true],
  ["a JPEG", [0xff, 0xd8, 0xff, 0xe0], false],
  ["nothing", [], false],
])("%s", (_name, bytes, moves) => {
  expect(mayMove(new Uint8Array(bytes))).toBe(moves);
});

test("what may move is drawn once, whatever it is said to be; the rest stays as it is", async () => {
  const drawn = new Blob(["frame"]);
  const gif = new Blob([new Uint8Array(letters("GIF89a"))], { type: "image/jpeg" });
  const photo = new Blob([new Uint8Array([0xff, 0xd8])], { type: "image/gif" });
  expect(await still(gif, async () => drawn)).toBe(drawn);
  expect(await still(photo, async () => drawn)).toBe(photo);
});
