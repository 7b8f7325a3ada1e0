/** What a passkey refuses is said in words of its own; anything else goes on as it is. */

import { PasskeyError, type PasskeyProblem } from "../platform/passkey";

export async function heardOut(hear: (problem: PasskeyProblem) => void, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof PasskeyError)) throw error;
    hear(error.reason);
  }
}
