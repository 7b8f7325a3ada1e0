import { expect, test } from "vitest";
import { signedIn } from "../../tests/fakes";
import type { Attachment } from "../matrix/types";
import { MediaViewModel } from "./media";

const file = (thumbnail: string | null = null): Attachment => ({
  name: "a.mp4", mime: "video/mp4", size: 1, width: null, height: null, duration: null, waveform: null, caption: null, captionHtml: null,
  source: "mxc://a/b", thumbnail,
}); // biome-ignore format: one line

test("a video shows its thumbnail, as a picture; without one nothing is asked for", async () => {
  const asked: unknown[] = [];
  const matrix = signedIn({ media: { url: async (given, small) => `${asked.push([given.mime, small])}` } });
  const media = new MediaViewModel(matrix);
  expect(await media.poster(file())).toBe("");
  expect(asked).toEqual([]);
  await media.poster(file("mxc://a/small"));
  await media.url(file());
  expect(asked).toEqual([
    ["image/webp", true],
    ["video/mp4", undefined],
  ]);
});

test.each([
  [false, null],
  [true, "Threat found: Test"],
])("the antivirus is asked where there is one: %s", async (isScanned, why) => {
  const media = new MediaViewModel(signedIn({ media: { isScanned, verdict: async () => "Threat found: Test" } }));
  expect(media.isScanned).toBe(isScanned);
  expect(await media.verdict(file())).toBe(why);
});

test("pictures, thumbnails and previews come from the adapter", async () => {
  const preview = { title: "Une page", text: "", image: null };
  const matrix = signedIn({
    media: { picture: async (mxc, size) => `${mxc} ${size}`, small: async () => "small", preview: async () => preview },
  });
  const media = new MediaViewModel(matrix);
  expect(await media.picture("mxc://a/b", 96)).toBe("mxc://a/b 96");
  expect(await media.small(file())).toBe("small");
  expect(await media.preview("https://e.org", 1)).toBe(preview);
});
