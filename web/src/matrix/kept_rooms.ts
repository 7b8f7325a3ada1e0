/** The list of rooms as it was, so that a start shows it before anything else is read. Sealed: it holds names and last lines. */

import { clock as browser, type Clock } from "../platform/clock";
import { Scope } from "../platform/scope";
import { type Sealed, seal, unseal } from "../platform/seal";
import { load, save } from "../platform/store";
import type { RoomSummary } from "./types";

const KEY = "rooms";
const WRITE_AFTER = 10_000;

export interface Box {
  load: () => Promise<Uint8Array<ArrayBuffer> | null>;
  save: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
}

const sealedBox: Box = {
  load: async () => {
    const sealed = await load<Sealed>(KEY);
    return sealed ? unseal(sealed) : null;
  },
  save: async (bytes) => save(KEY, await seal(bytes)),
};

export class KeptRooms {
  private readonly writing;
  private readonly scope;

  constructor(
    private readonly owner: string,
    private readonly box: Box = sealedBox,
    clock: Clock = browser,
  ) {
    this.scope = new Scope(clock);
    this.writing = this.scope.timer();
  }

  /** What was kept of this account; nothing where it was another's, or cannot be read. */
  async load(): Promise<RoomSummary[]> {
    try {
      const bytes = await this.box.load();
      const kept = bytes && (JSON.parse(new TextDecoder().decode(bytes)) as { owner: string; rooms: RoomSummary[] });
      return kept?.owner === this.owner ? kept.rooms : [];
    } catch {
      return [];
    }
  }

  /** Keeps what the list is a little later, once for a burst. */
  keep(rooms: () => RoomSummary[]): void {
    if (this.writing.isSet) return;
    this.writing.set(WRITE_AFTER, () => {
      const still = rooms().map((each) => (each.typing.length ? { ...each, typing: [] } : each));
      const bytes = new TextEncoder().encode(JSON.stringify({ owner: this.owner, rooms: still }));
      this.box.save(bytes).catch(() => {}); // a browser that keeps nothing begins with nothing
    });
  }

  /** Nothing is kept any more. */
  end(): void {
    this.scope.end();
  }
}
