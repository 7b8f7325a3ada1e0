import { expect, test } from "vitest";
import { conversation, signal } from "../../tests/fakes";
import type { OutgoingFile } from "../matrix/file_outbox";
import { UploadsViewModel } from "./uploads";

const file = (id: string, given: Partial<OutgoingFile> = {}): OutgoingFile => ({
  id,
  name: `${id}.pdf`,
  size: 9,
  sent: 0,
  state: "sending",
  refusal: null,
  ...given,
});

function opened() {
  const changed = signal();
  const files = new Map<string | null, OutgoingFile[]>([["$thread", [file("a")]]]);
  const done: string[] = [];
  const outgoing = {
    changed,
    list: (thread: string | null) => files.get(thread) ?? [],
    retry: (id: string) => void done.push(`retry ${id}`),
    cancel: (id: string) => void done.push(`cancel ${id}`),
  };
  const model = new UploadsViewModel(conversation({ outgoing }), "$thread");
  return { model, files, changed, done };
}

test("files of this thread are shown with their progress until they are there, also those of an earlier visit", () => {
  const { model, files, changed } = opened();
  expect(model.snapshot().uploads).toEqual([file("a")]);
  files.set("$thread", [file("a", { sent: 3 }), file("b", { state: "waiting" })]);
  changed.fire();
  expect(model.snapshot().uploads.map(({ id, sent, state }) => [id, sent, state])).toEqual([
    ["a", 3, "sending"],
    ["b", 0, "waiting"],
  ]);
  files.clear();
  changed.fire();
  expect(model.snapshot().uploads).toEqual([]);
});

test("what goes on elsewhere draws nothing anew here", () => {
  const { model, files, changed } = opened();
  files.delete("$thread");
  changed.fire();
  const before = model.snapshot();
  files.set(null, [file("c")]);
  changed.fire();
  expect(model.snapshot()).toBe(before);
});

test("each can be tried again or taken back", () => {
  const { model, done } = opened();
  model.retry("a");
  model.cancel("a");
  expect(done).toEqual(["retry a", "cancel a"]);
});
