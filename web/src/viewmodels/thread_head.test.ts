import { expect, test } from "vitest";
import { fake, refusal, settled, signal, signedIn, threadSummary } from "../../tests/fakes";
import type { SignedIn } from "../matrix/signed_in";
import type { ThreadSummary } from "../matrix/types";
import { ThreadHead } from "./thread_head";

test("says who began it, and whether one follows it; a refusal is shown and nothing has changed", async () => {
  const state = { threads: [] as ThreadSummary[], refuses: false };
  const changed = signal();
  const set: unknown[] = [];
  const matrix = signedIn({
    threads: {
      changed,
      list: () => state.threads,
      following: fake<SignedIn["threads"]["following"]>({
        set: async (...given: unknown[]) => {
          if (state.refuses) throw refusal("M_FORBIDDEN");
          set.push(given);
        },
      }),
    },
  });
  const head = new ThreadHead(matrix, { id: "!room" }, "$root");
  expect(head.snapshot()).toEqual({ follows: false, thread: null, problem: null });
  state.threads = [threadSummary({ roomId: "!other", id: "$root" }), threadSummary({ id: "$root" })];
  changed.fire();
  expect(head.snapshot()).toMatchObject({ follows: true, thread: { roomId: "!room" } });
  await head.follow(false);
  expect(set).toEqual([["!room", "$root", false]]);
  expect(head.snapshot().follows).toBe(false);
  state.refuses = true;
  await head.follow(false);
  await settled();
  expect(head.snapshot()).toMatchObject({ follows: true, problem: { key: expect.any(String) } });
});
