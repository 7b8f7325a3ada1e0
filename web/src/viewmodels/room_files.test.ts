import { expect, test } from "vitest";
import { conversation, FakeTimeline, item, settled, signedIn } from "../../tests/fakes";
import type { Attachment } from "../matrix/types";
import { RoomFilesViewModel } from "./room_files";

const file = (name: string): Attachment => ({
  name, mime: "image/png", size: 1, width: null, height: null, duration: null, waveform: null, caption: null, captionHtml: null,
  source: "mxc://a/b", thumbnail: null,
}); // biome-ignore format: one line
const picture = (name: string) => item({ eventId: `$${name}`, content: { type: "image", file: file(name) } });

function opened(pages: number) {
  const timeline = new FakeTimeline();
  timeline.items = [picture("old"), item(), picture("new")];
  timeline.hasOlder = pages > 0;
  let asked = 0;
  timeline.grow = async () => {
    asked++;
    timeline.items.unshift(picture(`older${asked}`));
    timeline.hasOlder = asked < pages;
    return true;
  };
  const model = new RoomFilesViewModel(signedIn(), conversation({ timeline: () => timeline }));
  return { model, timeline, asked: () => asked, names: () => model.snapshot().files?.map((each) => each.file.name) };
}

test("files are shown without what was said between them, newest first", async () => {
  const { model, names } = opened(0);
  expect(model.snapshot()).toEqual({ files: null, more: true });
  await settled();
  expect(names()).toEqual(["new", "old"]);
  expect(model.snapshot().more).toBe(false);
});

test("one press goes five pages back, or as far as there are", async () => {
  const { model, names, asked } = opened(7);
  await settled();
  await model.older();
  expect([asked(), model.snapshot().more]).toEqual([5, true]);
  await model.older();
  expect([asked(), model.snapshot().more]).toEqual([7, false]);
  expect(names()?.at(-1)).toBe("older7");
});

test("the timeline ends with the panel", () => {
  const { model, timeline } = opened(0);
  model.close();
  expect(timeline.isClosed).toBe(true);
});
