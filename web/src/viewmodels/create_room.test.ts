import { describe, expect, test } from "vitest";
import { conversation, FakeClock, person, refusal, settled, signedIn } from "../../tests/fakes";
import { addressesIn, CreateRoomViewModel, type Kind } from "./create_room";

test("addresses in a pasted list, however it is written", () => {
  const pasted = "Claire <claire@a.fr>; bob@b.fr,\nBOB@b.fr\n<c.d@e.gouv.fr>\nrien";
  expect(addressesIn(pasted)).toEqual(["claire@a.fr", "bob@b.fr", "c.d@e.gouv.fr"]);
});

const ANNE = person("@anne:here.example", "Anne");
const level = (name: string, guests: boolean) => ({
  name, guests, labels: {}, retention_days: 0, forwarding: true, link_sharing: true, history_sharing: true, calls: true, files: true, file_types: [],
}); // biome-ignore format: one line

function made(kind: Kind = "private") {
  const clock = new FakeClock();
  const asked: string[] = [];
  const done: unknown[] = [];
  const opened: string[] = [];
  let find = async (term: string) => {
    asked.push(term);
    return [ANNE];
  };
  const matrix = signedIn({
    people: { find: (term) => find(term) },
    agency: { higher: () => [level("open", true), level("closed", false)] },
    entry: {
      create: async (wanted) => {
        done.push(wanted);
        return "!new";
      },
      direct: async (id) => `!with ${id}`,
      directByAddress: async (address) => `!with ${address}`,
    },
    conversation: () =>
      conversation({
        members: {
          inviteByEmail: async (address) => {
            if (address.startsWith("bad")) throw refusal("M_FORBIDDEN");
            done.push(address);
          },
        },
      }),
  });
  const model = new CreateRoomViewModel(matrix, (id) => opened.push(id), kind, clock);
  return { model, clock, asked, done, opened, failing: () => (find = () => Promise.reject(new Error("offline"))) };
}

describe("choosing people", () => {
  test("a name is looked for once the person rests, not with every letter", async () => {
    const { model, clock, asked } = made();
    for (const typed of ["an", "ann", "anne"]) model.type(typed);
    expect(model.snapshot()).toMatchObject({ typed: "anne", searching: true, found: [] });
    await clock.pass(199);
    expect(asked).toEqual([]);
    await clock.pass(1);
    expect(asked).toEqual(["anne"]);
    expect(model.snapshot()).toMatchObject({ searching: false, found: [ANNE] });
  });

  test("one letter is not looked for, and nobody is found without a network", async () => {
    const { model, clock, asked, failing } = made();
    model.type("a");
    await clock.pass(1000);
    expect(asked).toEqual([]);
    failing();
    model.type("anne");
    await clock.pass(1000);
    expect(model.snapshot()).toMatchObject({ found: [], searching: false, problem: null });
  });

  test("an address that stands in the field counts, once it is whole", () => {
    const { model } = made();
    for (const [typed, given] of [
      ["anne", []],
      ["anne@b", []],
      ["Anne@b.fr", ["anne@b.fr"]],
      ["Anne <anne@b.fr>", ["anne@b.fr"]],
      ["à anne@b.fr peut-être", []],
    ] as const) {
      model.type(typed);
      expect(model.given().map((each) => each.email)).toEqual(given);
    }
    model.type("a@b.fr ");
    model.type("a@b.fr");
    expect(model.given()).toHaveLength(1);
    model.keepOnly([]);
    expect(model.snapshot()).toMatchObject({ chosen: [], typed: "", address: null });
  });

  test("who is chosen is not offered again, and leaves the list when taken out", async () => {
    const { model, clock } = made();
    model.pick(ANNE);
    model.type("anne");
    await clock.pass(200);
    expect(model.snapshot().found).toEqual([]);
    model.remove(ANNE.id);
    expect(model.snapshot().chosen).toEqual([]);
  });

  test("addresses are taken as they are pasted, each once", () => {
    const { model } = made();
    model.type("a@e.org, b@e.org");
    model.type("b@e.org ");
    expect(model.snapshot()).toMatchObject({ typed: "", chosen: [{ email: "a@e.org" }, { email: "b@e.org" }] });
  });

  test("Enter takes the first who was found, else the address", async () => {
    const { model, clock } = made();
    model.type("anne");
    await clock.pass(200);
    model.pickTyped();
    model.type("c@e.org");
    model.pickTyped();
    expect(model.snapshot().chosen.map((each) => each.key)).toEqual([ANNE.id, "c@e.org"]);
  });

  test("a conversation has one other person", () => {
    const { model } = made("direct");
    model.pick(ANNE);
    model.pick(person("@bob:here.example"));
    expect(model.snapshot().chosen.map((each) => each.key)).toEqual(["@bob:here.example"]);
    const { model: group } = made();
    group.type("a@e.org, b@e.org");
    group.setKind("direct");
    expect(group.snapshot().chosen).toHaveLength(1);
  });
});

describe("making it", () => {
  test("what is missing is said, and nothing is made", async () => {
    const { model, done } = made();
    expect(await model.create()).toBe(false);
    expect(model.snapshot().nameMissing).toBe(true);
    model.setName("Crue");
    expect(model.snapshot().nameMissing).toBe(false);
    model.setKind("direct");
    expect(await model.create()).toBe(false);
    expect(model.snapshot().peopleMissing).toBe(true);
    expect(done).toEqual([]);
  });

  test("a room has a name, people, a marking; addresses are invited after", async () => {
    const { model, done, opened } = made();
    model.setName(" Crue ");
    model.setTopic(" de la Loire ");
    model.setLevel("closed");
    model.pick(ANNE);
    model.type("a@e.org, bad@e.org");
    expect(await model.create()).toBe(true);
    const wanted = { kind: "private", name: "Crue", topic: "de la Loire", invite: [ANNE.id], level: "closed" };
    expect(done).toEqual([wanted, "a@e.org"]);
    expect(opened).toEqual(["!new"]);
    expect(model.snapshot().failed).toEqual(["bad@e.org"]);
  });

  test.each([
    ["a person", () => ANNE.id],
    ["an address", () => "a@e.org"],
  ])("a conversation with %s", async (_name, who) => {
    const { model, opened } = made("direct");
    if (who().startsWith("@")) model.pick(ANNE);
    else {
      model.type(who());
      model.pickTyped();
    }
    await model.create();
    expect(opened).toEqual([`!with ${who()}`]);
  });

  test("markings are those that the kind of room may have", () => {
    const { model } = made();
    const names = () => model.levels().map((each) => each.name);
    expect(names()).toEqual(["open", "closed"]);
    model.setLevel("closed");
    model.setKind("guests");
    expect(names()).toEqual(["open"]);
    expect(model.snapshot().level).toBe(null);
    model.setKind("forum");
    expect(names()).toEqual([]);
  });

  test("what the server refuses is said", async () => {
    const clock = new FakeClock();
    const matrix = signedIn({ entry: { create: () => Promise.reject(refusal("M_FORBIDDEN")) } });
    const model = new CreateRoomViewModel(matrix, () => {}, "private", clock);
    model.setName("Crue");
    expect(await model.create()).toBe(false);
    expect(model.snapshot()).toMatchObject({ busy: false, problem: { key: "error.M_FORBIDDEN" } });
    model.close();
    model.type("late");
    await settled();
    expect(clock.waiting).toBe(0);
  });
});
