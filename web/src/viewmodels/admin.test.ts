import { describe, expect, test } from "vitest";
import { FakeClock, ME, refusal, settled, signedIn } from "../../tests/fakes";
import { ADMIN_TEXTS as EN } from "../i18n/en_admin";
import { ADMIN_TEXTS as FR } from "../i18n/fr_admin";
import type { Done, Rights, Row } from "../matrix/console";
import { AdminViewModel, doneOrAsked, waitingWord } from "./admin";
import { VIEWS } from "./admin_views";

test.each([
  [{ done: true }, "admin.done"],
  [{ done: false, request: 1, approvers: 2 }, "admin.asked"],
  [{ done: false, request: 1, approvers: 0 }, "admin.askedNobody"],
  [{ done: false, request: 1 }, "admin.asked"], // a server from before it was told
])("who asks is told whether anybody can agree: %j", (answer, key) => {
  expect(doneOrAsked(answer)).toBe(key);
});

test.each<[Row, string | null]>([
  [{ id: 1, approvers: 1 }, "admin.word.waiting"],
  [{ id: 1, approvers: 0 }, "admin.nobodyAgrees"],
  [{ id: 1, decided_ts: 1, outcome: "done" }, null],
  [{ id: 1, decided_ts: 1, outcome: "refused" }, null],
])("what waits says so: %j", (row, key) => {
  expect(waitingWord(row)).toBe(key);
  for (const texts of [FR, EN]) if (key) expect(texts[key]).toBeTruthy();
});

const RIGHTS: Rights = { everywhere: false, organisations: [{ name: "culture", label: "Culture" }], has_codes: true };

/** A console of twelve people, of whom it shows ten at once. */
function opened(view = "people") {
  const clock = new FakeClock();
  const people: Row[] = Array.from({ length: 12 }, (_, at) => ({ user_id: `@p${at}:here.example` }));
  const asked: unknown[] = [];
  let answer: Done = { done: true };
  let fails: Error | null = null;
  const matrix = signedIn({
    console: {
      view: async (organisation, name, search, from) => {
        asked.push([organisation, name, search, from]);
        if (fails) throw fails;
        const found = people.filter((each) => String(each.user_id).includes(search));
        const start = Number(from);
        const next = found.length > start + 10 ? start + 10 : undefined;
        return { items: found.slice(start, start + 10), names: { "@p1:here.example": "Anne Martin", "!abc": "Note" }, next };
      },
      person: async (_organisation, id) => ({ user_id: id, devices: [] }),
      act: async (_organisation, action, given) => {
        asked.push([action, given]);
        if (fails) throw fails;
        return answer;
      },
      decide: async (_organisation, request, approve, code) => {
        asked.push([request, approve, code]);
        return request === 7 ? { agreed: true } : {};
      },
      package: (organisation, id) => `/${organisation}/${id}`,
    },
    agency: { file: async (path) => new Blob([path]) },
  });
  const model = new AdminViewModel(matrix, RIGHTS, "culture", VIEWS.find((each) => each.name === view)!, clock);
  const set = (change: { answer?: Done; fails?: Error | null }): void => {
    answer = change.answer ?? answer;
    fails = change.fails === undefined ? fails : change.fails;
  };
  return { model, clock, asked, set };
}

describe("a list", () => {
  test("comes by pages", async () => {
    const { model } = opened();
    expect(model.snapshot()).toMatchObject({ rows: null, busy: true });
    await settled();
    expect(model.snapshot()).toMatchObject({ next: 10, busy: false });
    await model.more();
    expect(model.snapshot().rows).toHaveLength(12);
    expect(model.snapshot().next).toBe(null);
  });

  test("is searched once the person rests", async () => {
    const { model, clock, asked } = opened();
    await settled();
    for (const typed of ["p1", " p11 "]) model.type(typed);
    await clock.pass(249);
    expect(asked).toHaveLength(1);
    await clock.pass(1);
    expect(asked.at(-1)).toEqual(["culture", "people", "p11", 0]);
    expect(model.snapshot().rows).toEqual([{ user_id: "@p11:here.example" }]);
    model.close();
    model.type("p");
    expect(clock.waiting).toBe(0);
  });

  test("that cannot be had says so, and is asked for again", async () => {
    const { model, set } = opened();
    set({ fails: refusal("M_FORBIDDEN") });
    await settled();
    expect(model.snapshot()).toMatchObject({ busy: false });
    await model.look();
    expect(model.snapshot().problem?.key).toBe("error.M_FORBIDDEN");
    set({ fails: null });
    await model.look();
    expect(model.snapshot()).toMatchObject({ problem: null, next: 10 });
  });

  test("people and rooms are called by their names, anything else as it is", async () => {
    const { model } = opened();
    await settled();
    const called = ["@p1:here.example", "!abc", "!unknown", "@b:c", "a reason"].map((each) => model.nameOf(each));
    expect(called).toEqual(["Anne Martin", "Note", "!unknown", "b", "a reason"]);
    const row = { display_name: "Claire", avatar_url: "mxc://a/b" };
    expect(model.person("@c:here.example", row)).toMatchObject({ name: "Claire", avatar: "mxc://a/b" });
    expect(model.me).toBe(ME);
  });
});

describe("an action", () => {
  test.each([
    ["lock", { user_id: "@a:b" }, {}, "", { user_id: "@a:b" }],
    ["renew", { user_id: "@a:b" }, { ends_ts: 1 }, " 123 ", { user_id: "@a:b", ends_ts: 1, code: "123" }],
    ["block", { room_id: "!a" }, {}, "", { room_id: "!a" }],
    ["lift_hold", { id: 3 }, { reason: "r" }, "", { hold: 3, reason: "r" }],
    ["delete_file", { server_name: "a", media_id: "m", user_id: "@a:b" }, {}, "", { server_name: "a", media_id: "m" }],
    ["set_organisation", { name: "a" }, { name: "a" }, "", { name: "a" }],
    ["add_function_account", null, { name: "Permanence" }, "", { name: "Permanence" }],
  ])("%s says what it is about", async (action, row, given, code, sent) => {
    const { model, asked } = opened();
    await settled();
    expect(await model.do(action, row, given, code)).toBe(true);
    expect(asked.at(-2)).toEqual([action, sent]);
    expect(model.snapshot().done).toBe("admin.done");
  });

  test("that waits for a colleague says so; one that is refused says why and leaves the list as it is", async () => {
    const { model, set } = opened();
    await settled();
    set({ answer: { done: false, request: 1, approvers: 0 } });
    await model.do("erase", { user_id: "@a:b" }, {}, "");
    expect(model.snapshot().done).toBe("admin.askedNobody");
    const { rows } = model.snapshot();
    set({ fails: refusal("M_FORBIDDEN", { reason: "wrong_code" }) });
    expect(await model.do("erase", { user_id: "@a:b" }, {}, "1")).toBe(false);
    expect(model.snapshot()).toMatchObject({ rows, problem: { key: "error.reason.wrong_code" } });
  });

  test.each([
    [7, true, "admin.agreed"],
    [8, true, "admin.done"],
    [8, false, "admin.refused"],
  ])("a request %i is decided: %s", async (id, approve, done) => {
    const { model, asked } = opened("requests");
    await settled();
    await model.decide({ id }, approve, " 1 ");
    expect(asked.at(-2)).toEqual([id, approve, "1"]);
    expect(model.snapshot().done).toBe(done);
  });

  test("an account is opened, loses a device, is shut", async () => {
    const { model, asked } = opened();
    await settled();
    await model.open("@a:b");
    expect(model.snapshot().person).toMatchObject({ user_id: "@a:b" });
    await model.removeDevice("@a:b", "D");
    expect(asked.at(-1)).toEqual(["remove_device", { user_id: "@a:b", device_id: "D" }]);
    expect(model.snapshot()).toMatchObject({ done: "admin.done", person: { user_id: "@a:b" } });
    model.shut();
    expect(model.snapshot().person).toBe(null);
  });

  test("a package is fetched with the session", async () => {
    const { model } = opened("exports");
    expect(await (await model.package({ id: 5 })).text()).toBe("/culture/5");
  });
});

test("the audit log says whether it is whole; other lists ask nothing, and without an answer nothing is said", async () => {
  const chain = { intact: false, number: 7, checked_ts: 5 };
  for (const [view, answer, expected, times] of [
    ["audit", async () => chain, chain, 1],
    ["audit", () => Promise.reject(new Error("offline")), null, 1],
    ["people", async () => chain, null, 0],
  ] as const) {
    let asked = 0;
    const auditChain = (): Promise<typeof chain> => {
      asked++;
      return answer();
    };
    const matrix = signedIn({ console: { view: async () => ({ items: [], names: {} }), auditChain } });
    const model = new AdminViewModel(matrix, RIGHTS, "culture", VIEWS.find((each) => each.name === view)!, new FakeClock());
    await settled();
    expect([model.snapshot().chain, asked]).toEqual([expected, times]);
  }
});

test("a list is narrowed down by filters; what was chosen and is no longer shown is no longer chosen", async () => {
  const asked: unknown[] = [];
  let wait: (() => void) | null = null;
  const people: Row[] = [{ user_id: "@anne:a", locked: true }, { user_id: "@bea:a" }, { user_id: ME }];
  const matrix = signedIn({
    console: {
      view: async (_organisation, _name, search, from, filters) => {
        asked.push([search, from, filters]);
        if (wait) await new Promise<void>((resolve) => (wait = resolve));
        const items = people.filter((each) => !filters?.state || each.locked);
        return { items, names: {}, total: items.length, ...(filters?.state ? {} : { total_is_more: true }) };
      },
      table: async (_organisation, wanted, chosen) => new Blob([JSON.stringify([wanted, chosen])]),
    },
  });
  const view = VIEWS.find((each) => each.name === "people")!;
  const model = new AdminViewModel(matrix, RIGHTS, "culture", view, new FakeClock(), { seen: "week" });
  await settled();
  expect(asked).toEqual([["", 0, { seen: "week" }]]);
  expect(await (await model.table("fr-FR")).text()).toBe('[{"seen":"week","search":"","language":"fr"},null]');
  expect(model.snapshot()).toMatchObject({ total: 3, isBeyond: true });
  model.chooseAll(true);
  expect(model.snapshot().chosen).toEqual(["@anne:a", "@bea:a"]);
  model.choose("@anne:a", false);
  model.choose("@anne:a", true);
  expect(await (await model.table("en")).text()).toBe('[{"language":"en"},["@bea:a","@anne:a"]]');
  wait = () => {};
  model.filter("state", "locked");
  model.filter("seen", ""); // while the first is being asked for
  await settled();
  const first = wait;
  wait = null;
  first();
  await settled();
  await settled();
  expect(asked.slice(1)).toEqual([["", 0, { seen: "week", state: "locked" }], ["", 0, { seen: "", state: "locked" }]]); // biome-ignore format: one line
  expect(model.snapshot()).toMatchObject({ total: 1, isBeyond: false, chosen: ["@anne:a"] });
  expect(model.chosenRows.map((each) => each.user_id)).toEqual(["@anne:a"]);
});

test("the audit log is narrowed down to one author, and taken away as it is narrowed down", async () => {
  const asked: unknown[] = [];
  const matrix = signedIn({
    console: {
      view: async (_organisation, _name, _search, from) => ({ items: [{ actor: ME }], names: {}, next: 1, ...(from ? {} : { authors: [ME] }) }),
      auditChain: async () => ({ intact: true, number: 1, checked_ts: 1 }),
      auditTable: async (...given) => {
        asked.push(given);
        return new Blob(["file"]);
      },
    },
  }); // biome-ignore format: short
  const view = VIEWS.find((each) => each.name === "audit")!;
  const model = new AdminViewModel(matrix, RIGHTS, "culture", view, new FakeClock());
  await settled();
  expect(model.snapshot().authors).toEqual([ME]);
  await model.more();
  expect(model.snapshot().authors).toEqual([ME]);
  model.filter("by", ME);
  await settled();
  await model.auditTable("json", "en-GB");
  expect(asked).toEqual([["culture", { by: ME, search: "", format: "json", language: "en" }]]);
});
