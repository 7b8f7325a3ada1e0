import fc from "fast-check";
import { expect, test } from "vitest";
import { readDate, readMoment, readTime, readWhen, type Spoken, sayWhen, type When, writeWhen, wrongWhen } from "./dates";

const NOW = new Date(2026, 10, 29, 10, 0).getTime(); // a Sunday

test.each<[string, string | null]>([
  ["30/11/2026", "2026-11-30"],
  [" 30 / 11 / 2026", "2026-11-30"],
  ["30/11/26", "2026-11-30"],
  ["30.11.2026", "2026-11-30"],
  ["30-11-2026", "2026-11-30"],
  ["30 11 2026", "2026-11-30"],
  ["2026-11-30", "2026-11-30"],
  ["11/30/2026", "2026-11-30"], // there is no thirtieth month
  ["30/11", "2026-11-30"],
  ["2/1", "2027-01-02"], // the one that comes, not the one that was
  ["28/11", "2026-11-28"],
  ["30 novembre 2026", "2026-11-30"],
  ["lundi 30 novembre 2026", "2026-11-30"],
  ["le 30 nov.", "2026-11-30"],
  ["1er décembre", "2026-12-01"],
  ["1 DÉCEMBRE 2026", "2026-12-01"],
  ["mardi 1er déc. 2026", "2026-12-01"],
  ["30 November 2026", "2026-11-30"],
  ["5 jui 2026", null], // June or July?
  ["aujourd’hui", "2026-11-29"],
  ["demain", "2026-11-30"],
  ["après-demain", "2026-12-01"],
  ["hier", "2026-11-28"],
  ["31/02/2026", null],
  ["29/02/2028", "2028-02-29"],
  ["30/11/0026", null],
  ["99/99/9999", null],
  ["bientôt", null],
  ["constructor", null],
  ["", null],
])("in French %j is %j", (text, expected) => {
  expect(readDate(text, "fr", NOW)).toBe(expected);
});

test.each<[string, string | null]>([
  ["11/30/2026", "2026-11-30"],
  ["12/01/2026", "2026-12-01"], // of the same numbers another day than in French
  ["30/11/2026", "2026-11-30"],
  ["Nov 30, 2026", "2026-11-30"],
  ["November 30th", "2026-11-30"],
  ["1st of December 2026", "2026-12-01"],
  ["Tuesday, December 1, 2026", "2026-12-01"],
  ["tomorrow", "2026-11-30"],
])("in English %j is %j", (text, expected) => {
  expect(readDate(text, "en", NOW)).toBe(expected);
});

test("the same numbers are another day in French", () => {
  expect(readDate("12/01/2027", "fr", NOW)).toBe("2027-01-12");
});

test.each<[string, string | null]>([
  ["15 h 30", "15:30"],
  ["15h30", "15:30"],
  ["15 h", "15:00"],
  ["15:30", "15:30"],
  ["15.30", "15:30"],
  ["à 8 h 05", "08:05"],
  ["8", "08:00"],
  ["15 heures 30", "15:30"],
  ["3:30 PM", "15:30"],
  ["3 pm", "15:00"],
  ["12 am", "00:00"],
  ["12:15 p.m.", "12:15"],
  ["midi", "12:00"],
  ["minuit", "00:00"],
  ["20:15:00", "20:15"],
  ["25 h", null],
  ["15 h 75", null],
  ["13 pm", null],
  ["0 am", null],
  ["1530", null],
  ["h", null],
  ["", null],
])("the time %j is %j", (text, expected) => {
  expect(readTime(text)).toBe(expected);
});

test.each<[string, Spoken, string | null]>([
  ["30/11/2026 15 h 30", "fr", "2026-11-30T15:30"],
  ["30/11/2026, 15:30", "fr", "2026-11-30T15:30"],
  ["lundi 30 novembre 2026 à 15 h 30", "fr", "2026-11-30T15:30"],
  ["demain 9 h", "fr", "2026-11-30T09:00"],
  ["demain à midi", "fr", "2026-11-30T12:00"],
  ["2026-11-30T15:30", "fr", "2026-11-30T15:30"],
  ["2026-11-30T15:30:20.000", "fr", "2026-11-30T15:30"],
  ["11/30/2026 3:30 PM", "en", "2026-11-30T15:30"],
  ["tomorrow at 9 am", "en", "2026-11-30T09:00"],
  ["30/11/2026", "fr", null],
  ["15 h 30", "fr", null],
])("the moment %j is in %s %j", (text, language, expected) => {
  expect(readMoment(text, language, NOW)).toBe(expected);
});

test("what a field shows it reads again, on every day, in both languages", () => {
  const moments = fc.date({ min: new Date(1950, 0, 1), max: new Date(2200, 0, 1), noInvalidDate: true });
  fc.assert(
    fc.property(
      moments,
      fc.constantFrom<Spoken>("fr", "en"),
      fc.constantFrom<When>("date", "time", "moment"),
      (at, language, what) => {
        const pad = (value: number): string => String(value).padStart(2, "0");
        const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
        const time = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
        const iso = what === "date" ? date : what === "time" ? time : `${date}T${time}`;
        expect(readWhen(what, writeWhen(what, iso, language), language, NOW)).toBe(iso);
      },
    ),
  );
});

test("whatever is written, nothing breaks", () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom<When>("date", "time", "moment"), (text, what) => {
      const read = readWhen(what, text, "fr", NOW);
      if (read !== null) expect(writeWhen(what, read, "fr")).not.toBe("");
    }),
  );
});

test("what was understood is said back; what is empty or no time is not shown", () => {
  expect(writeWhen("moment", "2026-11-30T15:30", "fr")).toBe("30/11/2026 15 h 30");
  expect(sayWhen("date", "2026-11-30", "fr")).toBe("lundi 30 novembre 2026");
  expect(sayWhen("moment", "2026-11-30T15:30", "en")).toMatch(/^Monday, November 30, 2026 at 3:30/);
  expect([writeWhen("date", "", "fr"), writeWhen("date", "nie", "fr"), sayWhen("date", "", "fr")]).toEqual(["", "", ""]);
});

test("what is too early or too late is told apart from what is not understood", () => {
  expect(wrongWhen(null)).toBe("unread");
  expect(wrongWhen("2026-11-29", "2026-11-30")).toBe("early");
  expect(wrongWhen("2026-12-01", "2026-11-30", "2026-11-30")).toBe("late");
  expect(wrongWhen("2026-11-30", "2026-11-30", "2026-11-30")).toBe(null);
});
