import { expect, test } from "vitest";
import { conversation, details, settled } from "../../tests/fakes";
import type { Classification, Outgoing } from "../matrix/types";
import type { ChosenFile, PreparedFile } from "../platform/prepared_file";
import { Drafts } from "./drafts";
import { MOST, TrayViewModel } from "./tray";

const file = (name: string, type = "text/plain", size = 3): File => new File(["x".repeat(size)], name, { type });

const compose = (body: string): Outgoing | null => (body ? { body, html: null, mentions: [], mentionsRoom: false } : null);

interface Given {
  limit?: number | null;
  level?: Classification | null;
  reduces?: boolean;
  drafts?: Drafts;
  choose?: (given: File) => Promise<Partial<ChosenFile>>;
}

async function opened({ limit = null, level = null, reduces = false, drafts, choose = async () => ({}) }: Given = {}) {
  const left: Array<{ thread: string | null; file: PreparedFile; caption: Outgoing | null }> = [];
  const said: string[] = [];
  const remembered: boolean[] = [];
  const trays = drafts ?? new Drafts({ load: async () => ({}), save: async () => {} });
  const model = new TrayViewModel(
    {
      conversation: conversation({
        send: async (message) => void said.push(message.body),
        outgoing: { add: (thread, prepared, caption) => void left.push({ thread, file: prepared, caption }) },
      }),
      details: () => details({ level }),
      choose: async (given) => ({
        file: { blob: given, name: given.name, kind: "file" },
        original: given,
        traces: [],
        keepsTraces: false,
        isReducible: false,
        picture: null,
        ...(await choose(given)),
      }),
      reduce: async (each) => ({ ...each, blob: new Blob(["s"], { type: "image/jpeg" }) }),
      fileLimit: async () => limit,
      reducesImages: () => reduces,
      reduceImages: (on) => void remembered.push(on),
      trays,
    },
    "$thread",
  );
  const names = (): string[] => model.snapshot().files.map((each) => `${each.name} ${each.problem ?? "ok"}`);
  const words = (): Array<[string, string | null]> => left.map((each) => [each.file.name, each.caption?.body ?? null]);
  return { model, left, said, remembered, names, words, trays };
}

test("files wait in the tray until they are sent, each with its own words, in the order that was chosen", async () => {
  const { model, left, names, words } = await opened();
  model.add([file("a"), file("b")]);
  model.add([file("c")]);
  expect(model.snapshot().files[0].isReading).toBe(true);
  await settled();
  expect(names()).toEqual(["a ok", "b ok", "c ok"]);
  expect([model.snapshot().size, left.length]).toEqual([9, 0]);
  const [a, b, c] = model.snapshot().files.map((each) => each.id);
  model.move(c, 0);
  expect(model.snapshot().moved).toEqual({ name: "c", place: 0 });
  model.move(a, 9);
  model.caption(b, "voici");
  await model.send(null, compose);
  expect(words()).toEqual([
    ["c", null],
    ["a", null],
    ["b", "voici"],
  ]);
  expect(left[0].thread).toBe("$thread");
  expect(names()).toEqual([]);
});

test("what is being written goes with the first file, or before it where that has words of its own", async () => {
  const { model, said, words } = await opened();
  model.add([file("a"), file("b")]);
  await model.send(compose("les plans"), compose);
  expect([said, words()]).toEqual([
    [],
    [
      ["a", "les plans"],
      ["b", null],
    ],
  ]);
  model.add([file("c")]);
  model.caption(model.snapshot().files[0].id, "le troisième");
  await model.send(compose("et"), compose);
  expect([said, words()[2]]).toEqual([["et"], ["c", "le troisième"]]);
});

test("files without a word still answer what was answered", async () => {
  const { model, left } = await opened();
  const answer: Outgoing = { body: "", html: null, mentions: [], mentionsRoom: false, replyTo: "$asked" };
  model.add([file("a"), file("b")]);
  model.caption(model.snapshot().files[0].id, "oui");
  await model.send(answer, compose);
  expect(left.map(({ caption }) => [caption?.body, caption?.replyTo])).toEqual([
    ["oui", "$asked"],
    [undefined, undefined],
  ]);
});

test("what cannot leave says why before anything is sent, and stays while the others go", async () => {
  const level: Classification = {
    name: "restricted", labels: {}, guests: false, retention_days: 0, forwarding: false, link_sharing: false, history_sharing: false, calls: true, files: true,
    file_types: ["application/pdf"],
  }; // biome-ignore format: one line
  const choose = async (given: File): Promise<Partial<ChosenFile>> => {
    if (given.name === "dossier") throw new Error("a folder");
    return {};
  };
  const { model, names, words } = await opened({ limit: 5, level, choose });
  const pdf = "application/pdf";
  model.add([file("large", pdf, 6), file("note"), file("nothing", pdf, 0), file("dossier", pdf), file("ok", pdf, 5)]);
  await settled();
  const refused = ["large too-large", "note not-allowed", "nothing empty", "dossier unreadable"];
  expect(names()).toEqual([...refused, "ok ok"]);
  expect([model.count, model.snapshot().size]).toEqual([1, 5]);
  await model.send(null, compose);
  expect([names(), words()]).toEqual([refused, [["ok", null]]]);
  model.clear();
  expect(names()).toEqual([]);
});

test("too many at once: those that fit are taken, the others are counted", async () => {
  const { model } = await opened();
  model.add(Array.from({ length: MOST + 3 }, (_, index) => file(`${index}`)));
  expect([model.snapshot().files.length, model.snapshot().leftOut]).toEqual([MOST, 3]);
  model.remove(model.snapshot().files[0].id);
  expect([model.snapshot().files.length, model.snapshot().leftOut]).toEqual([MOST - 1, 0]);
});

const photo = async (given: File): Promise<Partial<ChosenFile>> => ({
  file: { blob: new Blob(["clean"], { type: "image/jpeg" }), name: given.name, kind: "image" },
  traces: ["place", "date"],
  isReducible: true,
});

test("a photograph leaves without its traces, or as it was taken where somebody asks for that", async () => {
  const { model, left } = await opened({ choose: photo });
  const given = file("a.jpg", "image/jpeg", 9);
  model.add([given]);
  await settled();
  expect(model.snapshot()).toMatchObject({ hasTraces: true, files: [{ traces: ["place", "date"], size: 5 }] });
  await model.send(null, compose);
  expect(await left[0].file.blob.text()).toBe("clean");
  model.add([given]);
  await settled();
  model.setKeepsTraces(true);
  await model.send(null, compose);
  expect(left[1].file.blob).toBe(given);
  expect(model.snapshot().keepsTraces).toBe(false); // decided each time
});

test("pictures leave smaller where somebody chose that, now and the next time", async () => {
  const { model, left, remembered } = await opened({ choose: photo });
  model.add([file("a.jpg", "image/jpeg", 9)]);
  await settled();
  expect(model.snapshot()).toMatchObject({ isReducible: true, isReduced: false, size: 5 });
  model.setReduced(true);
  await settled();
  expect(model.snapshot()).toMatchObject({ isReduced: true, size: 1, hasTraces: false });
  expect(remembered).toEqual([true]);
  await model.send(null, compose);
  expect(left[0].file.blob.size).toBe(1);
  const { model: next } = await opened({ choose: photo, reduces: true });
  next.add([file("b.jpg", "image/jpeg", 9)]);
  await settled();
  expect(next.snapshot().files[0].size).toBe(1);
});

test("a picture that is too large can leave smaller", async () => {
  const { model } = await opened({ choose: photo, limit: 2 });
  model.add([file("a.jpg", "image/jpeg", 9)]);
  await settled();
  expect(model.snapshot().files[0].problem).toBe("too-large");
  model.setReduced(true);
  await settled();
  expect(model.snapshot().files[0].problem).toBe(null);
});

test("sent before it was read, a file leaves as soon as it is, once", async () => {
  const { model, words } = await opened();
  model.add([file("a")]);
  const both = [model.send(null, compose), model.send(null, compose)];
  expect(words()).toEqual([]);
  await Promise.all(both);
  expect(words()).toEqual([["a", null]]);
});

test("who goes to another room finds the tray as it was left", async () => {
  const { model, trays } = await opened();
  model.add([file("a")]);
  model.caption(model.snapshot().files[0].id, "voici");
  await settled();
  model.close();
  const { model: again, names } = await opened({ drafts: trays });
  expect([names(), again.captions]).toEqual([["a ok"], ["voici"]]);
  again.clear();
  expect((await opened({ drafts: trays })).names()).toEqual([]);
});
