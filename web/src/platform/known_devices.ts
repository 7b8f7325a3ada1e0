/** The devices of the account that this browser has told of. */

import { load, save } from "./store";

const KEY = "known devices";

export const knownDevices = {
  load: async (): Promise<string[] | null> => (await load<string[]>(KEY)) ?? null,
  save: (ids: string[]): Promise<void> => save(KEY, ids),
};
