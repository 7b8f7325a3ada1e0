import { expect, test, vi } from "vitest";
import { encryption, ME, person, refusal, settled, signedIn } from "../../tests/fakes";
import { ConsentNeeded } from "../matrix/errors";
import { FirstRunViewModel } from "./first_run";

const CODE = "EsTc 1234";

function opened(onlyCode = false, reset = false) {
  const asked: string[] = [];
  let answer = async (): Promise<void> => {};
  const keys = (name: string) => async () => {
    asked.push(name);
    await answer();
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
        storeCode: keys("store"),
        reset: keys("reset"),
        withoutCode: keys("without"),
      },
    }),
  });
  const done = vi.fn();
  const model = new FirstRunViewModel(matrix, done, onlyCode, reset);
  return { model, asked, done, answers: (next: () => Promise<void>) => (answer = next) };
}

test("a first sign-in: a name, a picture, the code, the code again", async () => {
  const { model, asked, done } = opened();
  expect(model.snapshot()).toMatchObject({ step: "picture", code: null });
  await model.setName(" Anne ");
  expect(model.snapshot().me.name).toBe("Anne");
  await model.setPicture(new Blob());
  await model.toCode();
  expect(model.snapshot()).toMatchObject({ step: "code", code: CODE, kept: false });
  model.setKept(true);
  model.toCheck();
  model.type("EsTc-12 34"); // spaces and dashes do not count
  await model.finish();
  expect(asked).toEqual(["picture", "store"]);
  expect(done).toHaveBeenCalledOnce();
});

test("a code that was not kept is found out now", async () => {
  const { model, asked, done } = opened(true);
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
  const { model, asked, done, answers } = opened(true, reset);
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
