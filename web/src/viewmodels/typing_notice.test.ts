import { expect, test } from "vitest";
import { FakeClock } from "../../tests/fakes";
import { Scope } from "../platform/scope";
import { TypingNotice } from "./typing_notice";

function opened(isWished = true) {
  const clock = new FakeClock();
  const scope = new Scope(clock);
  const told: boolean[] = [];
  return {
    clock,
    scope,
    told,
    notice: new TypingNotice(
      scope,
      () => isWished,
      (is) => void told.push(is),
    ),
  };
}

test("nobody is told while the letter is drawn, and once for a word", async () => {
  const { notice, clock, told } = opened();
  for (const each of ["B", "Bo", "Bon"]) notice.wrote(each);
  expect(told).toEqual([]);
  await clock.pass(200);
  notice.wrote("Bonj");
  await clock.pass(200);
  expect(told).toEqual([true]);
});

test("what was taken away again before anybody was told is told to nobody", async () => {
  const { notice, clock, told } = opened();
  notice.wrote("B");
  notice.wrote("");
  await clock.pass(200);
  expect(told).toEqual([]);
});

test("what was sent is over at once, and nothing is told after it", async () => {
  const { notice, clock, told } = opened();
  notice.wrote("Bonjour");
  notice.over();
  await clock.pass(1000);
  expect(told).toEqual([false]);
});

test("nobody is told of a command, nor against one's wish, nor after the end", async () => {
  const { notice, clock, scope, told } = opened();
  notice.wrote("/me");
  await clock.pass(200);
  notice.wrote("a");
  scope.end();
  await clock.pass(1000);
  const silent = opened(false);
  silent.notice.wrote("a");
  await silent.clock.pass(1000);
  expect([...told, ...silent.told]).toEqual([]);
});
