/** Somebody who is signed in, with two rooms, before fakes. */

import type { Rules } from "../src/matrix/agency";
import type { Whereabouts } from "../src/matrix/room_history";
import type { SomeVerification } from "../src/matrix/signed_in";
import type { Connection } from "../src/matrix/types";
import { Source } from "../src/platform/stream";
import { Drafts } from "../src/viewmodels/drafts";
import { MainViewModel } from "../src/viewmodels/main";
import { Preferences } from "../src/viewmodels/preferences";
import { conversation, encryption, FakeClock, FakeVerification, signal, signedIn, summary } from "./fakes";

export function opened(
  hash = "#/",
  given: { guest?: boolean; shown?: boolean; connection?: Connection; whereIs?: () => Promise<Whereabouts | null> } = {},
) {
  const changed = signal();
  const connection = new Source<Connection>(given.connection ?? "online");
  const world = { hash, shown: given.shown ?? true, incoming: null as SomeVerification | null };
  let onHash = (_isLink: boolean): void => {};
  const page = {
    origin: "https://chappe.example",
    hash: () => world.hash,
    setHash: (next: string) => {
      world.hash = next;
    },
    onHash: (listener: (isLink: boolean) => void) => {
      onHash = listener;
      return () => {
        onHash = () => {};
      };
    },
    isVisible: () => true,
    notify: () => {},
    mayNotify: () => "ask" as const,
    askNotify: async () => true,
    play: () => {},
    setBadge: () => {},
    text: (key: string) => key,
  };
  const verification = new FakeVerification();
  const matrix = signedIn({
    connection,
    rooms: { list: () => [summary({ id: "!a" }), summary({ id: "!b" })] },
    agency: { rules: given.guest ? ({ me: { is_guest: true } } as Rules) : null },
    entry: {
      direct: async (id) => `!with${id}`,
      resolve: async (alias) => {
        if (alias !== "#known:here.example") throw new Error("not found");
        return { id: "!a", via: ["here.example"] };
      },
    },
    conversation: () => conversation({ history: { whereIs: given.whereIs ?? (async () => null) } }),
    encryption: encryption({
      changed,
      get incoming() {
        return world.incoming;
      },
      verifyPerson: async () => verification,
      verifyDevice: async () => verification,
    }),
  });
  const drafts = new Drafts({ load: async () => ({}), save: async () => {} }, new FakeClock());
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} }, "fr");
  const model = new MainViewModel(matrix, page, drafts, preferences, () => world.shown);
  const follow = (next: string, isLink = false): void => {
    world.hash = next;
    onHash(isLink);
  };
  return { model, world, connection, changed, verification, follow, room: () => model.snapshot().room };
}
