import { expect, test } from "vitest";
import { conversation, FakeTimeline, item, settled } from "../../tests/fakes";
import type { Attachment, Item } from "../matrix/types";
import { ViewerViewModel } from "./viewer";

const file = (name: string, mime: string): Attachment => ({
  name, mime, size: 1, width: null, height: null, duration: null, waveform: null, caption: null, captionHtml: null,
  source: "mxc://a/b", thumbnail: null,
}); // biome-ignore format: one line

const picture = (name: string, given: Partial<Item> = {}): Item =>
  item({ eventId: `$${name}`, content: { type: "image", file: file(name, "image/png") }, ...given });
const film = (name: string): Item => item({ eventId: `$${name}`, content: { type: "video", file: file(name, "video/mp4") } });
const note = (name: string, mime = "application/pdf"): Item =>
  item({ eventId: `$${name}`, content: { type: "file", file: file(name, mime) } });

function opened(of: Item, items: Item[], thread: string | null = null) {
  const timeline = new FakeTimeline();
  timeline.items = items;
  const threads: Array<string | null | undefined> = [];
  const room = conversation({
    timeline: (id) => {
      threads.push(id);
      return timeline;
    },
  });
  const model = new ViewerViewModel(null, room, of, thread);
  return { model, timeline, threads, name: () => model.snapshot().shown.file.name };
}

test("pictures and films of a room follow each other, in their order, the documents between them left out", async () => {
  const { model, timeline, name } = opened(picture("b"), [picture("a"), note("n"), picture("b"), item(), film("c")]);
  await settled();
  expect(timeline.opened).toEqual(["$b"]);
  expect(model.snapshot()).toMatchObject({ place: 2, of: 3, hasPrevious: true, hasNext: true });
  await model.next();
  expect([name(), model.snapshot().shown.kind, model.snapshot().hasNext]).toEqual(["c", "film", false]);
  await model.next();
  expect(name()).toBe("c");
  await model.previous();
  await model.previous();
  expect([name(), model.snapshot().hasPrevious]).toEqual(["a", false]);
});

test("what was not loaded yet is looked for, as far as there is one", async () => {
  const { model, timeline, name } = opened(picture("b"), [picture("b")]);
  timeline.hasOlder = true;
  let pages = 0;
  timeline.grow = async (end) => {
    expect(end).toBe("older");
    pages++;
    timeline.items.unshift(pages === 3 ? picture("old") : item());
    timeline.hasOlder = pages < 3;
    return true;
  };
  await settled();
  expect(model.snapshot().hasPrevious).toBe(true);
  const walking = model.previous();
  expect(model.snapshot().isLooking).toBe(true);
  await walking;
  expect([name(), pages, model.snapshot().isLooking, model.snapshot().hasPrevious]).toEqual(["old", 3, false, false]);
});

test("where there is none, the search ends and what is shown stays", async () => {
  const { model, timeline, name } = opened(picture("b"), [picture("b")]);
  timeline.hasOlder = true;
  timeline.grow = async () => {
    timeline.hasOlder = false;
    return false;
  };
  await settled();
  await model.previous();
  expect([name(), model.snapshot().isLooking, model.snapshot().hasPrevious]).toEqual(["b", false, false]);
});

test("what is deleted while it is looked at stays until one goes on; what is not sent yet is not among them", async () => {
  const { model, timeline, name } = opened(picture("b"), [picture("a"), picture("b"), picture("c", { state: "sending" })]);
  await settled();
  expect(model.snapshot().of).toBe(2);
  timeline.show(picture("a"));
  expect(name()).toBe("b");
  await model.previous();
  expect(name()).toBe("a");
});

test("a document stands alone, and nothing is loaded for it", async () => {
  const { model, threads } = opened(note("plan.pdf"), []);
  await settled();
  expect(threads).toEqual([]);
  expect(model.snapshot()).toMatchObject({ hasPrevious: false, hasNext: false, shown: { kind: "pdf" } });
});

test("in a thread one goes through the thread; without a network a picture stays alone", async () => {
  const { model, timeline, threads } = opened(picture("b"), [], "$thread");
  timeline.open = async () => {
    throw new Error("offline");
  };
  await settled();
  expect(threads).toEqual(["$thread"]);
  expect(model.snapshot()).toMatchObject({ place: 1, of: 1, hasNext: false });
  model.close();
  expect(timeline.isClosed).toBe(true);
});
