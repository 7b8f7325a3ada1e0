import { expect, test } from "vitest";
import { FakeClock, refusal, settled, signedIn } from "../../tests/fakes";
import type { Overview } from "../matrix/console";
import { OverviewViewModel } from "./admin_overview";

const NUMBERS: Overview = {
  people: 12, locked: 1, ending: 2, leavers: 0, guests: 0, requests: 3, reports: 0, alerts: 0, files: 0,
  chain: { intact: true, number: 9, checked_ts: 1 },
}; // biome-ignore format: numbers

test("the numbers of an organisation; what fails is said, and asked for again", async () => {
  let fails = true;
  const asked: string[] = [];
  const overview = async (organisation: string): Promise<Overview> => {
    asked.push(organisation);
    if (fails) throw refusal("M_FORBIDDEN");
    return NUMBERS;
  };
  const model = new OverviewViewModel(signedIn({ console: { overview } }), "culture", new FakeClock());
  await settled();
  expect(model.snapshot()).toMatchObject({ numbers: null, problem: { key: "error.M_FORBIDDEN" } });
  fails = false;
  await model.look();
  expect(model.snapshot()).toMatchObject({ numbers: NUMBERS, problem: null });
  expect(asked).toEqual(["culture", "culture"]);
});
