import { expect, test, vi } from "vitest";
import { encryption, refusal, settled, signal, signedIn } from "../../tests/fakes";
import type { OpenedKey } from "../matrix/recovery";
import type { RecoveryPasskey } from "../matrix/recovery_passkeys";
import { PasskeyError } from "../platform/passkey";
import { RecoveryMeansViewModel } from "./recovery_means";

const KEY: OpenedKey = { id: "k", key: new Uint8Array(32) };
const passkey = (given: Partial<RecoveryPasskey> = {}): RecoveryPasskey => ({
  id: "A", name: "Carte", kind: "card", created: 1, used: null, opens: true, isHere: true, host: "h", ...given,
}); // biome-ignore format: one line

function opened(listed: RecoveryPasskey[] = [], hasCode = true) {
  const changed = signal();
  const asked: string[] = [];
  const refuses = { by: null as Error | null };
  const reached = async (what: string): Promise<void> => {
    asked.push(what);
    if (refuses.by) throw refuses.by;
  };
  const opens = { key: KEY as OpenedKey | null };
  const matrix = signedIn({
    encryption: encryption({
      recovery: {
        hasCode: () => hasCode,
        openByCode: async (typed) => (typed === "right" ? KEY : typed === "old" ? "old" : "wrong"),
      },
      passkeys: {
        changed,
        isFull: false,
        isOffered: async () => true,
        list: () => [...listed],
        open: async (id) => reached(`open ${id ?? "any"}`).then(() => opens.key),
        make: async () => reached("make").then(() => ({ id: "B", kind: "device" as const, secret: new Uint8Array(32) })),
        keep: async ({ id, kind }) => {
          await reached(`keep ${id}`);
          listed.push(passkey({ id, kind, name: "" }));
        },
        renew: async (id) => reached(`renew ${id}`),
        rename: async (id, name) => reached(`rename ${id} ${name}`),
        remove: async (id) => reached(`remove ${id}`),
      },
    }),
  });
  return { model: new RecoveryMeansViewModel(matrix), listed, changed, asked, refuses, opens };
}

test("what there is, and whether this browser can", async () => {
  const { model, listed, changed } = opened();
  expect(model.snapshot()).toMatchObject({ passkeys: [], isOffered: null, hasCode: true, task: null });
  await settled();
  expect(model.snapshot().isOffered).toBe(true);
  listed.push(passkey());
  changed.fire();
  expect(model.snapshot().passkeys).toHaveLength(1);
});

test("another one is added once the code has opened, made by a press of its own, and named", async () => {
  const { model, asked } = opened();
  model.add();
  expect(model.snapshot()).toMatchObject({ task: { step: "unlock" }, isUnlocked: false });
  for (const typed of ["wrong", "old"] as const) {
    model.type(typed);
    await model.unlockByCode();
    expect(model.snapshot()).toMatchObject({ task: { step: "unlock" }, codeProblem: typed });
  }
  model.type("right");
  await model.unlockByCode();
  expect(model.snapshot()).toMatchObject({ task: { step: "create" }, typed: "" });
  await model.create();
  expect(model.snapshot().task).toMatchObject({ step: "name", id: "B", kind: "device", isNew: true });
  await model.name("Bureau");
  expect(model.snapshot().task).toBe(null);
  expect(asked).toEqual(["make", "keep B", "rename B Bureau"]);
});

test.each(["cancelled", "cannot", "already"] as const)(
  "a passkey that refuses is said, and can be tried again: %s",
  async (why) => {
    const { model, asked, refuses } = opened();
    model.add();
    model.type("right");
    await model.unlockByCode();
    refuses.by = new PasskeyError(why);
    await model.create();
    expect(model.snapshot()).toMatchObject({ task: { step: "create" }, passkeyProblem: why, problem: null });
    refuses.by = null;
    await model.create();
    expect(model.snapshot()).toMatchObject({ task: { step: "name" }, passkeyProblem: null });
    expect(asked).toEqual(["make", "make", "keep B"]);
  },
);

test("one that was made and not kept is not made twice", async () => {
  const { model, asked, refuses, listed } = opened([passkey()]);
  model.add();
  await model.unlockByPasskey();
  const made = model.create();
  refuses.by = refusal("M_LIMIT_EXCEEDED");
  await made;
  expect(model.snapshot()).toMatchObject({ task: { step: "create" }, problem: { key: "error.M_LIMIT_EXCEEDED" } });
  refuses.by = null;
  await model.create();
  expect(asked).toEqual(["open any", "make", "keep B", "keep B"]);
  expect(listed).toHaveLength(2);
});

test("leaving forgets the key", async () => {
  const { model, asked } = opened();
  model.add();
  model.type("right");
  await model.unlockByCode();
  model.end();
  await model.create();
  expect(asked).toEqual([]);
  model.add();
  expect(model.snapshot()).toMatchObject({ task: { step: "unlock" }, isUnlocked: false });
});

test("one that the code has left behind is asked again, after the code", async () => {
  const old = passkey({ opens: false });
  const { model, asked } = opened([old]);
  model.renew(old);
  model.type("right");
  await model.unlockByCode();
  expect(model.snapshot()).toMatchObject({ task: { step: "unlock", renewed: old }, isUnlocked: true });
  await model.finishRenewing();
  expect(model.snapshot()).toMatchObject({ task: null, tried: "A" });
  expect(asked).toEqual(["renew A"]);
});

test("a trial says that it opens, or that it does not", async () => {
  const { model, opens } = opened([passkey()]);
  await model.tryOut("A");
  expect(model.snapshot()).toMatchObject({ tried: "A", passkeyProblem: null });
  opens.key = null;
  await model.tryOut("A");
  expect(model.snapshot()).toMatchObject({ tried: null, passkeyProblem: "wrong" });
});

test.each<[string, RecoveryPasskey[], boolean, boolean]>([
  ["the last one without a code", [passkey()], false, true],
  ["the last one beside a code", [passkey()], true, false],
  ["one of two", [passkey(), passkey({ id: "B" })], false, false],
  ["the last that opens, beside one that does not", [passkey(), passkey({ id: "B", opens: false })], false, true],
  ["one that opens nothing", [passkey({ opens: false })], false, false],
])("what opens one's messages is not taken away last: %s", async (_what, listed, hasCode, isLast) => {
  const { model, asked } = opened(listed, hasCode);
  model.askRemove(listed[0]);
  expect(model.snapshot().task).toMatchObject({ step: "remove", isLast });
  await model.remove();
  expect(asked).toEqual(isLast ? [] : ["remove A"]);
});

test("the code that nobody had is written down after a passkey has opened", async () => {
  const { model, refuses } = opened([passkey()], false);
  const go = vi.fn();
  refuses.by = new PasskeyError("cancelled");
  await model.openForCode(go);
  expect([go.mock.calls, model.snapshot().passkeyProblem]).toEqual([[], "cancelled"]);
  refuses.by = null;
  await model.openForCode(go);
  expect(go).toHaveBeenCalledWith(KEY);
});
