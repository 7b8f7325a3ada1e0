import { describe, expect, test } from "vitest";
import { conversation, details, encryption, FakeClock, person, refusal, settled, signedIn } from "../../tests/fakes";
import type { Rules } from "../matrix/agency";
import type { Classification, Person, RoomDetails } from "../matrix/types";
import { InvitingViewModel, type Whose } from "./inviting";

const ANNE = person("@anne:here.example", "Anne");
const WHOSE: Record<string, Whose> = {
  "agent@a.fr": { guest: false, organisation: "Culture" },
  "guest@b.fr": { guest: true, organisation: "Externe" },
  "nobody@c.fr": "nobody",
  "far@d.fr": "elsewhere",
};

function opened({ guests = true, rules = true, offline = false, present = [] as string[] } = {}) {
  const clock = new FakeClock();
  const done: unknown[] = [];
  const asked: string[] = [];
  const note =
    (what: string) =>
    async (...given: unknown[]) => {
      if (String(given.at(-1)).startsWith("bad") || String(given[0]).startsWith("bad")) throw refusal("M_FORBIDDEN");
      done.push([what, ...given]);
    };
  const matrix = signedIn({
    people: { find: async () => [ANNE] },
    agency: {
      rules: rules ? ({ guest_days: 10 } as Rules) : null,
      whose: async (address) => {
        asked.push(address);
        if (offline) throw new Error("offline");
        return WHOSE[address] ?? null;
      },
      inviteGuest: (_room, ...given) => note("guest")(...given),
    },
  });
  const room = conversation({
    members: { invite: async (...given) => note("invite")(...given).then(() => true), inviteByEmail: note("mail") },
  });
  const model = new InvitingViewModel(matrix, room, guests, new Set(present), clock);
  return { model, done, asked, clock };
}

async function typed(address: string, given: Parameters<typeof opened>[0] = {}) {
  const made = opened(given);
  made.model.people.type(address);
  await settled();
  return made;
}

test("an address that is typed in full counts as it is, without Enter", async () => {
  const { model, done } = await typed("Agent@a.fr");
  expect(model.snapshot()).toMatchObject({ to: [{ name: "agent@a.fr", whose: { organisation: "Culture" } }], missing: null });
  expect(await model.send()).toBe(true);
  expect(done).toEqual([["mail", "agent@a.fr"]]);
  expect(model.snapshot().invited).toEqual(["agent@a.fr"]);
});

describe("what is missing is said", () => {
  test.each<[string, string, Parameters<typeof opened>[0], string | null]>([
    ["nobody is chosen", "ann", {}, "people"],
    ["half an address", "anne@cul", {}, "people"],
    ["a guest needs a purpose", "guest@b.fr", {}, "purpose"],
    ["the room is closed to guests", "guest@b.fr", { guests: false }, "closed"],
    ["the address is nobody's", "nobody@c.fr", {}, "nobody"],
    ["an organisation that has its own service", "far@d.fr", {}, null],
    ["nobody says whose it is, in a room for guests", "x@y.fr", { offline: true }, "purpose"],
    ["the same in a room for colleagues: the server says", "x@y.fr", { offline: true, guests: false }, null],
    ["a server without the layer asks for no purpose", "guest@b.fr", { rules: false }, null],
  ])("%s", async (_name, address, given, missing) => {
    expect((await typed(address, given)).model.snapshot().missing).toBe(missing);
  });

  test("while it is looked up", () => {
    const { model } = opened();
    model.people.type("agent@a.fr");
    expect(model.snapshot()).toMatchObject({ missing: "looking", to: [{ whose: undefined }] });
  });

  test("a day that has passed, or is too late", async () => {
    const { model } = await typed("guest@b.fr");
    expect(model.days()).toEqual({ first: "2026-11-29", last: "2026-12-09" });
    model.setPurpose(" audit ");
    for (const [ends, missing] of [
      ["", null],
      ["2026-11-28", "end"],
      ["2026-12-10", "end"],
      ["2026-12-09", null],
    ]) {
      model.setEnds(ends!);
      expect(model.snapshot().missing).toBe(missing);
    }
  });
});

test("nothing leaves while something is missing", async () => {
  const { model, done } = await typed("guest@b.fr");
  expect(await model.send()).toBe(false);
  expect(done).toEqual([]);
});

test("guests with what for and until when, colleagues without; who could not be invited stays, and is named", async () => {
  const { model, done } = await typed("guest@b.fr, agent@a.fr, bad@x.fr");
  model.people.pick(ANNE);
  model.setPurpose("audit");
  model.setEnds("2026-12-01");
  await settled();
  expect(model.snapshot()).toMatchObject({ guests: true, missing: null });
  expect(await model.send()).toBe(false);
  const end = new Date("2026-12-01T23:59").getTime();
  expect(done).toEqual([
    ["guest", "guest@b.fr", "audit", end],
    ["mail", "agent@a.fr"],
    ["invite", ANNE.id, null],
  ]);
  expect(model.snapshot()).toMatchObject({ failed: ["bad@x.fr"], to: [{ name: "bad@x.fr" }] });
});

test("who is in the room already is not invited", async () => {
  const { model } = opened({ present: [ANNE.id] });
  model.people.pick(ANNE);
  expect(model.snapshot()).toMatchObject({ to: [], missing: "people" });
});

test("an address is asked about once; a long list is left to the server", async () => {
  const many = Array.from({ length: 30 }, (_, index) => `p${index}@a.fr`);
  const { model, asked } = await typed(many.join("\n"));
  model.people.type("agent@a.fr");
  await settled();
  expect(asked).toEqual(many.slice(0, 20));
  expect(model.snapshot().to).toHaveLength(31);
});

describe("what was said before", () => {
  const GUEST = { ...person("@guest:x", "Gaston"), guest: true };
  const BEA = person("@bea:here.example", "Béa");

  function room(given: Partial<RoomDetails> = {}, state: "ready" | "unconfirmed" = "ready") {
    const clock = new FakeClock();
    const invited: unknown[] = [];
    const matrix = signedIn({
      people: { find: async () => [ANNE, GUEST, BEA] },
      agency: { whose: async () => null },
      encryption: encryption({ state }),
    });
    const there = conversation({
      details: () => details({ encrypted: true, historyVisibility: "shared", ...given }),
      members: {
        invite: async (...what) => {
          invited.push(what);
          return what[0] !== BEA.id; // she has confirmed no device
        },
        inviteByEmail: async (...what) => void invited.push(what),
      },
    });
    const model = new InvitingViewModel(matrix, there, true, new Set(), clock);
    const choose = async (...people: Person[]): Promise<void> => {
      for (const each of people) {
        model.people.type(each.name);
        await settled();
        model.people.pick(each);
      }
    };
    return { model, invited, choose, clock };
  }

  test("who has no confirmed device is invited, and it is said that nothing went along", async () => {
    const { model, choose } = room();
    await choose(ANNE, BEA);
    expect(await model.send()).toBe(true);
    expect(model.snapshot()).toMatchObject({ invited: ["Anne", "Béa"], unopened: [] }); // nothing was to go along
    await choose(ANNE, BEA);
    model.setPast("all");
    expect(await model.send()).toBe(true);
    expect(model.snapshot()).toMatchObject({ invited: ["Anne", "Béa"], unopened: ["Béa"] });
  });

  test("by itself nothing goes along; all, or since a moment, where one says so", async () => {
    const { model, invited, choose } = room();
    expect(model.snapshot()).toMatchObject({ past: "none", pastFixed: null });
    await choose(ANNE);
    await model.send();
    await choose(ANNE);
    model.setPast("all");
    await model.send();
    await choose(ANNE);
    model.setPast("since");
    model.setSince("2026-11-22T06:10");
    await model.send();
    expect(invited).toEqual([
      [ANNE.id, null],
      [ANNE.id, { since: null }],
      [ANNE.id, { since: new Date("2026-11-22T06:10").getTime() }],
    ]);
  });

  test.each(["", "yesterday", "2036-01-01T00:00"])(
    "a moment that is none, or to come, is asked for again: %s",
    async (since) => {
      const { model, invited, choose } = room();
      await choose(ANNE);
      model.setPast("since");
      expect(model.snapshot().missing).toBe(null);
      model.setSince(since);
      expect(model.snapshot().missing).toBe("since");
      expect([await model.send(), invited]).toEqual([false, []]);
      model.setPast("none");
      expect(model.snapshot().missing).toBe(null);
    },
  );

  test.each<[string, Partial<RoomDetails>, "ready" | "unconfirmed"]>([
    ["visibility", { historyVisibility: "invited" }, "ready"],
    ["visibility", { historyVisibility: "joined" }, "ready"],
    ["level", { level: { history_sharing: false } as Classification }, "ready"],
    ["unconfirmed", {}, "unconfirmed"],
  ])("where it may not be, nothing goes along, and why is said: %s", async (why, given, state) => {
    const { model, invited, choose } = room(given, state);
    await choose(ANNE);
    model.setPast("all");
    expect(model.snapshot().pastFixed).toBe(why);
    await model.send();
    expect(invited).toEqual([[ANNE.id, null]]);
  });

  test("to guests and addresses nothing from before is opened, whoever is invited with them", async () => {
    const { model, invited, choose } = room({ level: { history_sharing: true } as Classification });
    await choose(GUEST);
    expect(model.snapshot().pastFixed).toBe("guests");
    await choose(BEA);
    model.people.type("zoe@here.example");
    await settled();
    expect(model.snapshot().pastFixed).toBe(null);
    model.setPast("all");
    await model.send();
    expect(invited).toEqual([[GUEST.id, null], [BEA.id, { since: null }], ["zoe@here.example"]]);
  });

  test("of a room where nothing is sealed it is not asked", () => {
    expect(room({ encrypted: false }).model.asksPast).toBe(false);
  });
});
