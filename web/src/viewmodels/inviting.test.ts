import { describe, expect, test } from "vitest";
import { conversation, FakeClock, person, refusal, settled, signedIn } from "../../tests/fakes";
import type { Rules } from "../matrix/agency";
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
  const room = conversation({ members: { invite: note("invite"), inviteByEmail: note("mail") } });
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
    ["invite", ANNE.id],
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
