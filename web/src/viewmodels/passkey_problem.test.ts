import { expect, test } from "vitest";
import { PasskeyError } from "../platform/passkey";
import { heardOut } from "./passkey_problem";

test("what a passkey refuses is heard, what is no refusal of its own goes on", async () => {
  const heard: string[] = [];
  await heardOut(
    (problem) => heard.push(problem),
    () => Promise.reject(new PasskeyError("cancelled")),
  );
  expect(heard).toEqual(["cancelled"]);
  await expect(
    heardOut(
      () => {},
      () => Promise.reject(new Error("offline")),
    ),
  ).rejects.toThrow("offline");
});
