import { expect, test, vi } from "vitest";
import { encryption, ME, person, refusal, settled, signedIn } from "../../tests/fakes";
import { ConsentNeeded } from "../matrix/errors";
import type { OpenedKey } from "../matrix/recovery";
import type { RecoveryPasskey } from "../matrix/recovery_passkeys";
import { PasskeyError } from "../platform/passkey";
import { type Beginning, FirstRunViewModel } from "./first_run";

const CODE = "EsTc 1234";
const KEY: OpenedKey = { id: "k", key: new Uint8Array(32) };

function opened(beginning?: Beginning, isOffered = false, listed: RecoveryPasskey[] = []) {
  const asked: string[] = [];
  let refuses: Error | null = null;
  let answer = async (): Promise<void> => {};
  const keys = (name: string) => async () => {
    asked.push(name);
    await answer();
  };
  const stores =
    (name: string) =>
    async (_code: object, kept = true) => {
      await keys(kept ? name : `${name} unseen`)();
      return KEY;
    };
  let name = "me";
  const matrix = signedIn({
    people: {
      me: () => person(ME, name),
      setName: async (given) => {
        name = given;
      },
      setPicture: keys("picture"),
    },
    encryption: encryption({
      recovery: {
        newCode: async () => ({ encodedPrivateKey: CODE, privateKey: new Uint8Array() }),
        storeCode: stores("store"),
        reset: stores("reset"),
        keepCode: keys("keep code"),
        codeOf: () => ({ encodedPrivateKey: CODE, privateKey: new Uint8Array() }),
        withoutCode: keys("without"),
      },
      passkeys: {
        isOffered: async () => isOffered,
        list: () => listed,
        make: async () => {
          asked.push("make");
          if (refuses) throw refuses;
          return { id: "A", kind: "device", secret: new Uint8Array(32) };
        },
        keep: keys("keep"),
        rename: async (_id, given) => keys(`rename ${given}`)(),
        renew: async (id) => {
          asked.push(`renew ${id}`);
          if (refuses) throw refuses;
          listed.splice(0, 1, { ...listed[0], opens: true });
        },
      },
    }),
  });
  const done = vi.fn();
  const model = new FirstRunViewModel(matrix, done, beginning);
  return {
    model,
    asked,
    done,
    answers: (next: () => Promise<void>) => (answer = next),
    refuse: (error: Error | null) => (refuses = error),
  };
}

test("a first sign-in: a name, a picture, the code, the code again", async () => {
  const { model, asked, done } = opened();
  expect(model.snapshot()).toMatchObject({ step: "picture", code: null });
  await model.setName(" Anne ");
  expect(model.snapshot().me.name).toBe("Anne");
  await model.setPicture(new Blob());
  await model.toMeans(); // this browser has no passkeys: of them no word is said
  expect(model.snapshot()).toMatchObject({ step: "code", code: CODE, kept: false });
  model.setKept(true);
  model.toCheck();
  model.type("EsTc-12 34"); // spaces and dashes do not count
  await model.finish();
  expect(asked).toEqual(["picture", "store"]);
  expect(done).toHaveBeenCalledOnce();
});

test("a code that was not kept is found out now", async () => {
  const { model, asked, done } = opened({ at: "code" });
  await settled();
  model.toCheck();
  model.type("something else");
  await model.finish();
  expect(model.snapshot()).toMatchObject({ step: "check", mismatch: true });
  model.back();
  expect(model.snapshot()).toMatchObject({ step: "code", code: CODE }); // the same one
  expect([asked, done.mock.calls]).toEqual([[], []]);
});

test.each([
  [false, "store"],
  [true, "reset"],
])("keys that need their owner's consent wait for it: begun anew %s", async (reset, what) => {
  const { model, asked, done, answers } = opened({ at: "code", reset });
  await settled();
  answers(() => Promise.reject(new ConsentNeeded("/account")));
  model.type(CODE);
  await model.finish();
  expect(model.snapshot()).toMatchObject({ consent: { url: "/account", again: false }, problem: null });
  await model.goOn();
  expect(model.snapshot().consent).toMatchObject({ again: true });
  answers(async () => {});
  await model.goOn();
  expect(asked).toEqual([what, what, what]);
  expect(done).toHaveBeenCalledOnce();
});

test("who does it later has keys all the same; what goes wrong is said", async () => {
  const { model, asked, done, answers } = opened();
  answers(() => Promise.reject(refusal("M_LIMIT_EXCEEDED")));
  await model.later();
  expect(model.snapshot().problem?.key).toBe("error.M_LIMIT_EXCEEDED");
  expect(done).not.toHaveBeenCalled();
  answers(async () => {});
  await model.later();
  expect(asked).toEqual(["without", "without"]);
  expect(done).toHaveBeenCalledOnce();
});

test("a passkey instead: made, tried, sealed under, named; the code beside it is that of the same key", async () => {
  const { model, asked, done } = opened(undefined, true);
  await model.toMeans();
  expect(model.snapshot()).toMatchObject({ step: "means", chosen: "passkey" });
  await model.makePasskey();
  expect(model.snapshot()).toMatchObject({ step: "passkey", made: { id: "A", kind: "device" } });
  await model.namePasskey("Bureau", "code");
  expect(model.snapshot()).toMatchObject({ step: "code", code: CODE });
  model.toCheck();
  model.type(CODE);
  await model.finish();
  expect(asked).toEqual(["make", "store unseen", "keep", "rename Bureau", "keep code"]);
  expect(done).toHaveBeenCalledOnce();
});

test.each(["cancelled", "cannot", "already"] as const)(
  "a passkey that refuses is said, and nothing was set up: %s",
  async (why) => {
    const { model, asked, done, refuse } = opened({ at: "means" }, true);
    await settled();
    refuse(new PasskeyError(why));
    await model.makePasskey();
    expect(model.snapshot()).toMatchObject({ step: "means", passkeyProblem: why, problem: null });
    model.choose("code");
    expect(model.snapshot().passkeyProblem).toBe(null);
    refuse(null);
    await model.makePasskey();
    await model.namePasskey("", "done");
    expect(asked).toEqual(["make", "make", "store unseen", "keep"]);
    expect(done).toHaveBeenCalledOnce();
  },
);

test("a passkey of new keys waits for its owner's consent, and is not made twice", async () => {
  const { model, asked, answers } = opened({ at: "means", reset: true }, true);
  await settled();
  answers(() => Promise.reject(new ConsentNeeded("/account")));
  await model.makePasskey();
  expect(model.snapshot()).toMatchObject({ step: "means", consent: { url: "/account" } });
  answers(async () => {});
  await model.goOn();
  expect(model.snapshot()).toMatchObject({ step: "passkey", consent: null });
  expect(asked).toEqual(["make", "reset unseen", "reset unseen", "keep"]);
});

test("the code of a key that a passkey opened is kept, or waits", async () => {
  const { model, asked, done } = opened({ at: "code", opened: KEY });
  await settled();
  expect(model.snapshot()).toMatchObject({ step: "code", code: CODE });
  await model.later();
  model.type(CODE);
  await model.finish();
  expect(asked).toEqual(["keep code"]);
  expect(done).toHaveBeenCalledTimes(2);
});

test("a code in place of another: the passkeys are asked again one by one, or later", async () => {
  const old: RecoveryPasskey = {
    id: "A", name: "", kind: "card", created: 1, used: null, opens: false, isHere: true, host: "h",
  }; // biome-ignore format: one line
  const { model, asked, done, refuse } = opened({ at: "code" }, true, [old, { ...old, id: "B", isHere: false }]);
  await settled();
  model.type(CODE);
  await model.finish();
  expect(model.snapshot()).toMatchObject({ step: "renew", outdated: [{ id: "A" }] });
  refuse(new PasskeyError("cancelled"));
  await model.renew("A");
  expect(model.snapshot()).toMatchObject({ outdated: [{ id: "A" }], passkeyProblem: "cancelled" });
  refuse(null);
  await model.renew("A");
  expect(model.snapshot()).toMatchObject({ outdated: [], passkeyProblem: null });
  expect(done).not.toHaveBeenCalled();
  model.finishRenewing();
  expect(asked).toEqual(["store", "renew A", "renew A"]);
  expect(done).toHaveBeenCalledOnce();
});
