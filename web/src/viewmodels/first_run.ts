/** The one path of a first sign-in: a picture, then the recovery code. */

import { ConsentNeeded } from "../matrix/errors";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  step: "picture" | "code" | "check";
  me: Person;
  nameIsFixed: boolean;
  code: string | null;
  kept: boolean;
  typed: string;
  mismatch: boolean;
  /** The page where the server asks whether the keys may be replaced. `again`: it was not allowed there yet. */
  consent: { url: string; again: boolean } | null;
}

type Generated = Awaited<ReturnType<SignedIn["encryption"]["recovery"]["newCode"]>>;

export class FirstRunViewModel extends ActingViewModel<State> {
  private generated: Generated | null = null;
  private waiting: (() => Promise<void>) | null = null;

  /** `done`: what comes after. `onlyCode`: a code is made or replaced, nothing else. */
  constructor(
    private readonly matrix: Pick<SignedIn, "people" | "encryption">,
    private readonly done: () => void,
    onlyCode = false,
    private readonly reset = false,
  ) {
    super({
      ...IDLE,
      step: onlyCode ? "code" : "picture",
      me: matrix.people.me(),
      nameIsFixed: matrix.people.nameIsFixed,
      code: null,
      kept: false,
      typed: "",
      mismatch: false,
      consent: null,
    });
    if (onlyCode) void this.toCode();
  }

  readonly setName = (name: string): Promise<boolean> =>
    this.act(async () => {
      await this.matrix.people.setName(name.trim());
      this.set({ me: this.matrix.people.me() });
    });

  readonly setPicture = (file: Blob): Promise<boolean> =>
    this.act(async () => {
      await this.matrix.people.setPicture(file);
      this.set({ me: this.matrix.people.me() });
    });

  readonly toCode = async (): Promise<void> => {
    this.set({ step: "code" });
    this.generated ??= await this.matrix.encryption.recovery.newCode();
    this.set({ code: this.generated.encodedPrivateKey ?? null });
  };

  readonly setKept = (kept: boolean): void => this.set({ kept });

  readonly type = (typed: string): void => this.set({ typed, mismatch: false });

  readonly toCheck = (): void => this.set({ step: "check", typed: "", mismatch: false });

  readonly back = (): void => this.set({ step: "code" });

  /** The code must be typed back: what was not kept is found out now, not in a year. */
  readonly finish = async (): Promise<void> => {
    const bare = (text: string): string => text.replace(/[\s\-–—.]/g, "");
    const { generated } = this;
    if (!generated || bare(this.now.typed) !== bare(this.now.code ?? "")) return this.set({ mismatch: true });
    const { encryption } = this.matrix;
    await this.setUp(() => (this.reset ? encryption.recovery.reset(generated) : encryption.recovery.storeCode(generated)));
  };

  readonly later = (): Promise<void> => this.setUp(() => this.matrix.encryption.recovery.withoutCode());

  /** What waited for the owner's consent. */
  readonly goOn = async (): Promise<void> => {
    if (this.waiting) await this.setUp(this.waiting);
  };

  /** New keys, and first ones of a session that is not new any more, need the owner's consent. */
  private async setUp(keys: () => Promise<void>): Promise<void> {
    this.waiting = keys;
    let url: string | null = null;
    const stored = await this.act(async () => {
      try {
        await keys();
      } catch (error) {
        if (!(error instanceof ConsentNeeded)) throw error;
        url = error.url;
      }
    });
    if (url) this.set({ consent: { url, again: this.now.consent !== null } });
    else if (stored) this.done();
  }
}
