import i18next from "i18next";
import { beforeAll, expect, test, vi } from "vitest";
import { ADMIN_TEXTS as EN } from "../src/i18n/en_admin";
import { ADMIN_TEXTS as FR } from "../src/i18n/fr_admin";
import type { Rights, Row } from "../src/matrix/console";
import type { Matrix } from "../src/matrix/matrix";
import { AdminViewModel, doneOrAsked, waitingWord } from "../src/viewmodels/admin";
import { VIEWS } from "../src/viewmodels/admin_views";
import { count } from "../src/views/format";

beforeAll(async () => void (await i18next.init({ lng: "fr", resources: {} })));

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

test("people and rooms are called by their names, anything else as it is", async () => {
  const names = { "@anne:here.example": "Anne Martin", "!abc": "Note sensible" };
  const person = (id: string, name: string | null) => ({ id, name: name ?? id });
  const matrix = {
    userId: "@me:here.example",
    console: { view: async () => ({ items: [], names }) },
    people: { person, of: (_member: null, id: string) => person(id, null) },
  } as unknown as Matrix;
  const requests = VIEWS.find((each) => each.name === "requests")!;
  const model = new AdminViewModel(matrix, {} as Rights, "culture", requests);
  await vi.waitFor(() => expect(model.snapshot().rows).not.toBe(null));
  expect(["@anne:here.example", "!abc", "!unknown", "@b:c", "a reason"].map((each) => model.nameOf(each))).toEqual([
    "Anne Martin",
    "Note sensible",
    "!unknown",
    "@b:c",
    "a reason",
  ]);
});

test("numbers are written in the language that was chosen, not in the browser's", async () => {
  expect(count(1234567.4)).toBe("1\u202f234\u202f567");
  await i18next.changeLanguage("en");
  expect(count(1234567.4)).toBe("1,234,567");
});
