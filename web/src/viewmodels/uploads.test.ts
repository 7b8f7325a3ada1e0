import { expect, test } from "vitest";
import { conversation, details, settled } from "../../tests/fakes";
import type { Classification } from "../matrix/types";
import { UploadsViewModel } from "./uploads";

const file = (name: string, type = "text/plain", size = 3): File => new File(["x".repeat(size)], name, { type });

function opened(limit: number | null = null, level: Classification | null = null) {
  const sent: Array<{
    name: string;
    caption: string;
    thread: string | null;
    progress: (sent: number) => void;
    end: () => void;
    fail: () => void;
  }> = [];
  const room = conversation({
    sendFile: (prepared, caption, thread, progress, signal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
        const fail = (): void => reject(new Error("offline"));
        sent.push({ name: prepared.name, caption, thread, progress: (done) => progress(done, 9), end: resolve, fail });
      }),
  });
  const model = new UploadsViewModel(
    {
      conversation: room,
      details: () => details({ level }),
      prepare: async (each) => ({ blob: each, name: each.name, kind: "file" }),
      fileLimit: async () => limit,
    },
    "$thread",
  );
  const states = (): string[] => model.snapshot().uploads.map((each) => `${each.name} ${each.state}`);
  return { model, sent, states };
}

test("files leave one after the other, each with its progress, and are gone from the list once they are there", async () => {
  const { model, sent, states } = opened();
  void model.attach([file("a"), file("b")], "voici");
  await settled();
  expect([states(), sent.length]).toEqual([["a sending"], 1]);
  sent[0].progress(2);
  expect(model.snapshot().uploads[0]).toMatchObject({ sent: 2, size: 3 });
  sent[0].end();
  await settled();
  expect(states()).toEqual(["b sending"]);
  sent[1].end();
  await settled();
  expect(states()).toEqual([]);
  expect(sent.map(({ name, caption, thread }) => [name, caption, thread])).toEqual([
    ["a", "voici", "$thread"],
    ["b", "voici", "$thread"],
  ]);
});

test("what is too large, or not allowed in a room of this level, says so and is not sent", async () => {
  const level: Classification = {
    name: "restricted", labels: {}, guests: false, retention_days: 0, forwarding: false, link_sharing: false, calls: true, files: true,
    file_types: ["application/pdf"],
  }; // biome-ignore format: one line
  const { model, sent, states } = opened(5, level);
  void model.attach([file("large", "application/pdf", 6), file("note"), file("nothing", ""), file("ok", "application/pdf", 5)]);
  await settled();
  expect(states()).toEqual(["large too-large", "note not-allowed", "nothing not-allowed", "ok sending"]);
  expect(sent.map((each) => each.name)).toEqual(["ok"]);
});

test("what failed stays, to be tried again or given up", async () => {
  const { model, sent, states } = opened();
  void model.attach([file("a")]);
  await settled();
  sent[0].fail();
  await settled();
  expect(states()).toEqual(["a failed"]);
  const [{ id }] = model.snapshot().uploads;
  model.retry(id);
  expect(model.snapshot().uploads).toMatchObject([{ state: "sending", sent: 0 }]);
  await settled();
  sent[1].end();
  await settled();
  expect(states()).toEqual([]);
});

test("who takes one back ends it, and nothing comes of it later", async () => {
  const { model, sent, states } = opened();
  void model.attach([file("a"), file("b")]);
  await settled();
  model.cancel(model.snapshot().uploads[0].id);
  await settled();
  expect(states()).toEqual(["b sending"]);
  model.retry(99);
  sent[1].end();
  await settled();
  expect(states()).toEqual([]);
});

test("a voice message is prepared already", async () => {
  const { model, sent, states } = opened();
  void model.attachPrepared({ blob: new Blob(["x"], { type: "audio/ogg" }), name: "voice.ogg", kind: "voice" });
  await settled();
  expect([states(), sent[0].name]).toEqual([["voice.ogg sending"], "voice.ogg"]);
});
