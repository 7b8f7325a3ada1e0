import { expect, test, vi } from "vitest";
import { FakeClock } from "../../tests/fakes";
import { dayOf, isoDay, isoMinute, pause } from "./clock";
import { Scope } from "./scope";
import { Signal } from "./signal";
import { Source } from "./stream";

test("a scope undoes what it owns once, what came last first, and at once after its end", () => {
  const undone: number[] = [];
  const scope = new Scope(new FakeClock());
  for (const each of [1, 2, 3]) scope.owns(() => undone.push(each));
  scope.end();
  scope.end();
  scope.owns(() => undone.push(4));
  expect([undone, scope.ended]).toEqual([[3, 2, 1, 4], true]);
});

test("a timer is one thing that is due: to set it again takes the earlier back, the end takes it back for good", async () => {
  const clock = new FakeClock();
  const scope = new Scope(clock);
  const timer = scope.timer();
  const calls: string[] = [];
  timer.set(10, () => calls.push("first"));
  timer.set(20, () => calls.push("second"));
  expect([timer.isSet, clock.waiting]).toEqual([true, 1]);
  await clock.pass(20);
  expect([calls, timer.isSet]).toEqual([["second"], false]);
  timer.set(10, () => calls.push("third"));
  timer.clear();
  timer.set(10, () => calls.push("fourth"));
  scope.end();
  timer.set(10, () => calls.push("fifth"));
  await clock.pass(100);
  expect([calls, clock.waiting]).toEqual([["second"], 0]);
});

test("a stream tells each change, with its value, to whoever still follows; the same value is none", () => {
  const source = new Source(1);
  const heard: number[] = [];
  const stop = source.listen((value) => heard.push(value));
  source.listen((value) => value === 2 && stop()); // who stops meanwhile hears no more
  for (const value of [1, 2, 2, 3]) source.set(value);
  expect([heard, source.value]).toEqual([[2], 3]);
});

test("a signal tells a burst once", async () => {
  const clock = new FakeClock();
  const signal = new Signal(30, clock);
  const heard = vi.fn();
  const stop = signal.listen(heard);
  for (let turn = 0; turn < 5; turn++) signal.fire();
  await clock.pass(29);
  expect(heard).not.toHaveBeenCalled();
  await clock.pass(1);
  expect(heard).toHaveBeenCalledOnce();
  signal.fire();
  stop();
  await clock.pass(30);
  expect(heard).toHaveBeenCalledOnce();
});

test("a pause, a day, a date", async () => {
  const clock = new FakeClock();
  const done = vi.fn();
  void pause(5, clock).then(done);
  await clock.pass(4);
  expect(done).not.toHaveBeenCalled();
  await clock.pass(1);
  expect(done).toHaveBeenCalledOnce();
  const noon = new Date(2026, 10, 29, 12).getTime();
  expect(dayOf(noon)).toBe(new Date(2026, 10, 29).getTime());
  expect(isoDay(new Date(2026, 10, 29, 0, 10).getTime())).toBe("2026-11-29"); // where one is, not in Greenwich
  expect(isoMinute(new Date(2026, 10, 29, 23, 50).getTime())).toBe("2026-11-29T23:50");
});
