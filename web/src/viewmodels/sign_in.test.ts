import { expect, test } from "vitest";
import { FakeClock, settled } from "../../tests/fakes";
import type { Configuration, Organisation } from "../matrix/configuration";
import { SignInError } from "../matrix/session";
import { SignInViewModel } from "./sign_in";

const HERE: Organisation = { where: "here", name: "Culture", provider: null, serverName: "here.example" };

function opened(problem: ConstructorParameters<typeof SignInViewModel>[3] = null, address = "") {
  const clock = new FakeClock();
  const asked: string[] = [];
  const left: string[] = [];
  let find = async (): Promise<Organisation> => HERE;
  let begin = async (): Promise<string> => "/sign-in";
  const server = {
    findOrganisation: async (typed: string) => {
      asked.push(typed);
      return find();
    },
    beginSignIn: async (...given: unknown[]) => {
      asked.push(given.join(" "));
      return begin();
    },
  };
  const configuration = { brand: { name: "Chappe" } } as Configuration;
  const model = new SignInViewModel(
    configuration,
    () => "fr",
    (url) => left.push(url),
    problem,
    address,
    clock,
    server,
  );
  const set = (next: { find?: typeof find; begin?: typeof begin }): void => {
    find = next.find ?? find;
    begin = next.begin ?? begin;
  };
  return { clock, asked, left, model, set };
}

test("whose an address is, is looked up once it is whole and the person rests", async () => {
  const { model, clock, asked } = opened();
  for (const typed of ["anne", "anne@culture", "anne@culture.fr"]) model.type(typed);
  expect(model.snapshot()).toMatchObject({ looking: true, organisation: null });
  await clock.pass(250);
  expect(asked).toEqual(["anne@culture.fr"]);
  expect(model.snapshot()).toMatchObject({ looking: false, organisation: HERE });
  model.type("anne@culture.f");
  expect(model.snapshot()).toMatchObject({ looking: false, organisation: null });
});

test("an address that was brought along is looked up at once; why one has to sign in again stays until something else is typed", async () => {
  const { model, clock } = opened("password", "anne@culture.fr");
  await clock.pass(250);
  expect(model.snapshot()).toMatchObject({ organisation: HERE, problem: "password" });
  model.type("bob@culture.fr");
  expect(model.snapshot().problem).toBe(null);
});

test.each([
  ["", "empty"],
  ["two words", "malformed"],
  ["a@b@c", "malformed"],
])("%j is not sent: %s", async (typed, problem) => {
  const { model, left } = opened();
  model.type(typed);
  await model.submit();
  expect(model.snapshot().problem).toBe(problem);
  expect(left).toEqual([]);
});

test("the pages of the server go on from here", async () => {
  const { model, asked, left } = opened();
  model.type("anne@culture.fr");
  await model.submit(); // before it was looked up: now
  expect(asked).toEqual(["anne@culture.fr", "anne@culture.fr Chappe fr false"]);
  expect(left).toEqual(["/sign-in"]);
  expect(model.snapshot().leaving).toBe(true);
  await model.submit(); // once
  expect(left).toHaveLength(1);
});

test("an address of elsewhere goes there, with what was typed; one of nowhere stays", async () => {
  const { model, left, set } = opened();
  set({ find: async () => ({ where: "elsewhere", url: "https://other.example/" }) });
  model.type("anne@other.fr");
  await model.submit();
  expect(left).toEqual(["https://other.example/?address=anne%40other.fr"]);
  set({ find: async () => ({ where: "unknown" }) });
  model.type("anne@nowhere.fr");
  await model.submit();
  expect(model.snapshot()).toMatchObject({ organisation: { where: "unknown" }, leaving: false });
  expect(left).toHaveLength(1);
});

test.each([
  [new SignInError("offline"), "offline"],
  [new SignInError("other"), "other"],
  [new TypeError("failed"), "other"],
])("what goes wrong is said, and may be tried again: %s", async (error, problem) => {
  const { model, set } = opened();
  set({ begin: () => Promise.reject(error), find: () => Promise.reject(new Error("offline")) });
  model.type("anne");
  await model.submit();
  expect(model.snapshot()).toMatchObject({ leaving: false, problem });
  await settled();
});

test("an account may be made without an address", async () => {
  const { model, asked } = opened();
  await model.submit(true);
  expect(asked).toEqual([" Chappe fr true"]);
});
