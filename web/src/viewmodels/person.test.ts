import { expect, test } from "vitest";
import { conversation, encryption, ME, person, refusal, settled, signal, signedIn, summary } from "../../tests/fakes";
import type { Rules } from "../matrix/agency";
import { NO_FACTS } from "../matrix/directory_facts";
import type { Member } from "../matrix/types";
import { dialled, PersonViewModel } from "./person";

const ANNE = "@anne:here.example";

function opened(id = ANNE, members: Member[] = []) {
  const changed = signal();
  const trusted = signal();
  let trust: (() => Promise<"verified" | "changed" | "unknown">) | null = async () => "unknown";
  const done: unknown[] = [];
  const note = async (...given: unknown[]): Promise<void> => void done.push(given);
  const matrix = signedIn({
    encryption: encryption({
      changed: trusted,
      trustOf: () => (trust ? trust() : Promise.reject(new Error("offline"))),
    }),
    people: { isIgnored: (each) => each === "@ignored:b", setIgnored: note },
    rooms: { sharedWith: () => [summary(), summary()] },
  });
  const room = conversation({
    changed,
    members: { list: async () => [...members], setLevel: note, kick: () => Promise.reject(refusal("M_FORBIDDEN")), ban: note },
  });
  const model = new PersonViewModel(matrix, room, id);
  return { model, changed, trusted, members, done, trusts: (next: typeof trust) => (trust = next) };
}

test("somebody who is in no room yet is shown as far as they are known", async () => {
  const { model } = opened();
  expect(model.snapshot()).toMatchObject({ person: { name: "anne" }, member: null, trust: undefined, shared: 2 });
  await settled();
  expect(model.snapshot()).toMatchObject({ member: null, trust: "unknown" });
});

test("in the room they have its name for them, and their role", async () => {
  const { model, changed, members } = opened();
  members.push({ ...person(ANNE, "Anne Martin"), membership: "join", level: 50 });
  changed.fire();
  await settled();
  expect(model.snapshot()).toMatchObject({ person: { name: "Anne Martin" }, member: { level: 50 } });
});

test("trust is followed: verified, changed, not to be had", async () => {
  const { model, trusted, trusts } = opened();
  for (const each of ["verified", "changed"] as const) {
    trusts(async () => each);
    trusted.fire();
    await settled();
    expect(model.snapshot().trust).toBe(each);
  }
  trusts(null);
  trusted.fire();
  await settled();
  expect(model.snapshot().trust).toBe(null);
});

test("who is ignored is shown so at once", () => {
  const { model, done } = opened();
  expect(model.snapshot().ignored).toBe(false);
  model.setIgnored(true);
  expect(model.snapshot().ignored).toBe(true);
  expect(done).toEqual([[ANNE, true]]);
  expect(opened("@ignored:b").model.snapshot().ignored).toBe(true);
});

test("what is done to them, and what the room refuses", async () => {
  const { model, done } = opened();
  await model.setLevel(50);
  await model.ban("r");
  expect(done).toEqual([
    [ANNE, 50],
    [ANNE, "r"],
  ]);
  expect(await model.kick("")).toBe(false);
  expect(model.snapshot().problem?.key).toBe("error.M_FORBIDDEN");
});

test("one's own card is one's own", () => {
  expect([opened(ME).model.isMe, opened().model.isMe]).toEqual([true, false]);
});

test("a guest's card says who answers for them; guests themselves are not told, nor is who cannot be asked", async () => {
  const card = { sponsor: "@sophie:b", purpose: "audit", ends_ts: 5, addresses: ["g@x.fr"] };
  for (const [rules, answer, expected] of [
    [{ me: { is_guest: false } }, async () => card, { purpose: "audit", by: { name: "sophie" } }],
    [{ me: { is_guest: true } }, async () => card, null],
    [null, async () => card, null],
    [{ me: { is_guest: false } }, () => Promise.reject(refusal("M_NOT_FOUND")), null],
  ] as const) {
    const matrix = signedIn({
      people: { of: (_member, id) => ({ ...person(id), guest: id === ANNE }) },
      agency: { rules: rules as Rules | null, guest: answer },
      encryption: encryption({ trustOf: async () => "unknown" }),
    });
    const model = new PersonViewModel(matrix, conversation({ members: { list: async () => [] } }), ANNE);
    await settled();
    const { guest } = model.snapshot();
    if (expected === null) expect(guest).toBe(null);
    else expect(guest).toMatchObject(expected);
  }
});

test("what the directory says of them comes with the card; where it cannot be asked the card goes without", async () => {
  const said = { title: "Cheffe", service: "Communication", telephone: "01 23" };
  for (const [facts, expected] of [
    [async () => said, said],
    [() => Promise.reject(refusal("M_NOT_FOUND")), NO_FACTS],
  ] as const) {
    const matrix = signedIn({ people: { facts }, encryption: encryption({ trustOf: async () => "unknown" }) });
    const model = new PersonViewModel(matrix, conversation({ members: { list: async () => [] } }), ANNE);
    expect(model.snapshot().facts).toEqual(NO_FACTS);
    await settled();
    expect(model.snapshot().facts).toEqual(expected);
  }
});

test("what a telephone dials of a number as people write it", () => {
  for (const [written, dials] of [
    ["01 23 45 67 89", "0123456789"],
    ["+33 (0)1.23.45.67.89", "+33123456789"],
    ["+33\u00a01-23/45", "+3312345"],
    ["(0) 12", "012"],
    ["17", "17"],
    ["poste 4512", null],
    ["*#06#", null],
    ["1", null],
    ["+", null],
    ["javascript:1", null],
    ["1".repeat(60), null],
    ["12\n+33", null],
  ] as const)
    expect([written, dialled(written)]).toEqual([written, dials]);
});
