/** Sign-ins that somebody may not know of: each device tells of the others that came since. */

import type { Device } from "../matrix/devices";
import type { SignedIn } from "../matrix/signed_in";
import { clock as browser, type Clock } from "../platform/clock";
import { ViewModel } from "./view_model";

/** What this browser remembers: the devices that were told of, or were there before it. */
export interface KnownDevices {
  load(): Promise<string[] | null>;
  save(ids: string[]): Promise<void>;
}

interface State {
  /** The newest that is not known. */
  found: Pick<Device, "id" | "name" | "lastSeen"> | null;
  /** How many more there are. */
  others: number;
  /** One that was not the person's own is signed out: somebody may know the password. */
  isEnded: boolean;
}

const LOOK_MS = 600_000;

export class NewSignInsViewModel extends ViewModel<State> {
  private known: Set<string> | null = null;
  private strangers = new Set<string>();
  private turn = 0;

  constructor(
    private readonly matrix: Pick<SignedIn, "encryption">,
    private readonly kept: KnownDevices,
    clock: Clock = browser,
  ) {
    super({ found: null, others: 0, isEnded: false }, clock);
    const look = (): void => void this.look();
    this.scope.owns(matrix.encryption.devices.changed.listen(look));
    this.scope.owns(clock.every(LOOK_MS, look)); // a device without keys is heard of in no other way
    look();
  }

  /** Looks again, now: somebody comes back to the page. */
  readonly look = async (): Promise<void> => {
    const turn = ++this.turn;
    const devices = await this.matrix.encryption.devices.list().catch(() => null);
    if (!devices || turn !== this.turn || this.scope.ended) return;
    this.known ??= await this.begin(devices);
    const ids = new Set(devices.map((each) => each.id));
    const isEnded = this.now.isEnded || [...this.strangers].some((each) => !ids.has(each));
    this.strangers = new Set([...this.strangers].filter((each) => ids.has(each)));
    const fresh = devices.filter((each) => !each.current && !this.known?.has(each.id));
    this.set({ found: fresh[0] ?? null, others: Math.max(0, fresh.length - 1), isEnded });
  };

  /** At its first start a device knows those that are there. */
  private async begin(devices: Device[]): Promise<Set<string>> {
    const kept = await this.kept.load().catch(() => null);
    const known = kept ?? devices.map((each) => each.id);
    if (!kept) await this.kept.save(known).catch(() => {});
    return new Set(known);
  }

  /** It was the person. */
  readonly mine = async (id: string): Promise<void> => {
    this.known?.add(id);
    await this.kept.save([...(this.known ?? [])]).catch(() => {});
    await this.look();
  };

  /** It was not: once its session has ended, the password is to be changed. */
  readonly notMine = (id: string): void => void this.strangers.add(id);

  readonly dismiss = (): void => this.set({ isEnded: false });
}
