import { expect, test } from "vitest";
import { conversation, details, person, refusal, settled, signal, signedIn } from "../../tests/fakes";
import type { Awaited, Member } from "../matrix/types";
import { byReach, MembersViewModel, mayActOn, roleOf } from "./members";

const member = (id: string, given: Partial<Member> = {}): Member => ({ ...person(id), membership: "join", level: 0, ...given });

function opened(members: Member[] | null = []) {
  const changed = signal();
  const done: unknown[] = [];
  const awaited: Awaited[] = [];
  const add = async (...given: unknown[]): Promise<void> => {
    if (String(given[0]).startsWith("bad")) throw refusal("M_FORBIDDEN");
    done.push(given);
  };
  const room = conversation({
    changed,
    members: {
      list: async () => {
        if (!members) throw new Error("offline");
        return [...members];
      },
      awaited: async () => [...awaited],
      sendAgain: (token) => (token === "bad" ? add(token) : add("again", token)),
      withdraw: (token) => add("withdraw", token),
      kick: add,
      ban: add,
      unban: add,
      setLevel: add,
    },
  });
  return { changed, done, members, awaited, model: new MembersViewModel(signedIn(), room) };
}

test("who is here, followed as they come; nobody where they cannot be had", async () => {
  const { model, changed, members } = opened([member("@anne:a")]);
  expect(model.snapshot()).toMatchObject({ loading: true, shown: [] });
  await settled();
  expect(model.snapshot()).toMatchObject({ loading: false, shown: [{ id: "@anne:a" }] });
  members!.push(member("@bob:a"));
  changed.fire();
  await settled();
  expect(model.snapshot().shown).toHaveLength(2);
  const { model: none } = opened(null);
  await settled();
  expect(none.snapshot()).toMatchObject({ loading: false, members: [], problem: null });
});

test("they are found by name, organisation or identifier, accents or not, also as others come", async () => {
  const { model, changed, members } = opened([
    member("@1:culture", { name: "Élodie" }),
    member("@2:sport", { name: "Bob", organisation: "Préfecture" }),
  ]);
  await settled();
  const shown = () => model.snapshot().shown.map((each) => each.id);
  for (const [typed, found] of [
    ["elo", ["@1:culture"]],
    ["prefec", ["@2:sport"]],
    ["culture", ["@1:culture"]],
    [" ", ["@1:culture", "@2:sport"]],
    ["x", []],
  ] as const) {
    model.setFilter(typed);
    expect(shown()).toEqual(found);
  }
  members!.push(member("@x:a"));
  changed.fire();
  await settled();
  expect(shown()).toEqual(["@x:a"]);
});

test("who is awaited is shown with who invited them; written to again; taken back", async () => {
  const { model, awaited, done, changed } = opened();
  await settled();
  expect(model.snapshot().awaited).toEqual([]);
  awaited.push({ token: "t", address: "c@d.fr", invitedBy: "@anne:a", purpose: "audit", endsTs: 5 });
  model.lookAgain();
  await settled();
  expect(model.snapshot().awaited).toMatchObject([{ address: "c@d.fr", by: { name: "anne" }, purpose: "audit", endsTs: 5 }]);
  await model.sendAgain("t");
  awaited.pop();
  await model.withdraw("t");
  expect(done).toEqual([
    ["again", "t"],
    ["withdraw", "t"],
  ]);
  expect(model.snapshot().awaited).toEqual([]);
  expect(await model.sendAgain("bad")).toBe(false);
  expect(model.snapshot().problem?.key).toBe("error.M_FORBIDDEN");
  changed.fire();
  await settled();
  expect(model.snapshot().awaited).toEqual([]);
});

test("what is done to somebody goes to the room; what it refuses is said", async () => {
  const { model, done } = opened();
  await model.kick("@a:b", "r");
  await model.ban("@a:b", "");
  await model.unban("@a:b");
  await model.setLevel("@a:b", 50);
  expect(done).toEqual([["@a:b", "r"], ["@a:b", ""], ["@a:b"], ["@a:b", 50]]);
  expect(await model.kick("bad", "")).toBe(false);
  expect(model.snapshot().problem?.key).toBe("error.M_FORBIDDEN");
});

test("roles by level, and who may act on whom", () => {
  expect([150, 100, 50, 0, 30, -1].map(roleOf)).toEqual(["owner", "admin", "moderator", "member", "custom", "custom"]);
  const mine = details({ myLevel: 50 });
  expect([0, 49, 50, 100].map((level) => mayActOn(mine, member("@a:b", { level })))).toEqual([true, true, false, false]);
});

test("who can be reached comes first, whoever says nothing last", () => {
  const states = { a: "away", b: "busy", c: "available", d: "meeting", e: "offline" } as const;
  const of = (id: string) => {
    const state = states[id as keyof typeof states];
    return state ? { state, text: null, until: null, seenAt: null } : null;
  };
  const people = [..."abcdef"].map((id) => ({ id }));
  const groups = byReach(people, of).map(([reach, those]) => [reach, those.map((each) => each.id).join("")]);
  expect(groups).toEqual([["here", "c"], ["busy", "bd"], ["away", "aef"]]); // biome-ignore format: one line
});
