/**
 * When what is known of the account is written down in this browser. The SDK does so every five minutes: whoever has just signed in, and
 * then loses the network and the page, would find no discussion at all.
 */

import type { IndexedDBStore } from "matrix-js-sdk";
import { clock as browser, type Clock } from "../platform/clock";
import { Scope } from "../platform/scope";
import type { Stream } from "../platform/stream";
import type { Connection } from "./types";

/** After the first answer of the server. Milliseconds. */
const SOON = 20_000;

/** Where the page tells that it may go. */
export interface Leaving {
  readonly visibilityState: string;
  addEventListener: (name: string, listener: () => void) => void;
  removeEventListener: (name: string, listener: () => void) => void;
}

export class Keeping {
  private readonly scope: Scope;

  /** `leaving`: the page's document; it is hidden before a phone ends it. */
  constructor(
    private readonly store: Pick<IndexedDBStore, "save">,
    connection: Stream<Connection>,
    leaving: Leaving = document,
    clock: Clock = browser,
  ) {
    this.scope = new Scope(clock);
    const first = this.scope.timer();
    let known = false;
    this.scope.owns(
      connection.listen((now) => {
        if (now === "offline" && known) this.write();
        if (now === "online" && !known) first.set(SOON, this.write);
        known ||= now === "online";
      }),
    );
    const onChange = (): void => {
      if (known && leaving.visibilityState === "hidden") this.write();
    };
    leaving.addEventListener("visibilitychange", onChange);
    this.scope.owns(() => leaving.removeEventListener("visibilitychange", onChange));
  }

  private readonly write = (): void => {
    Promise.resolve(this.store.save(true)).catch(() => {}); // a browser that keeps nothing begins with nothing
  };

  end(): void {
    this.scope.end();
  }
}
