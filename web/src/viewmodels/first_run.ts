/** The one path of a first sign-in: a picture, then what opens the messages on another device: a passkey, or the recovery code. */

import { ConsentNeeded } from "../matrix/errors";
import type { OpenedKey } from "../matrix/recovery";
import type { NewPasskey, RecoveryPasskey } from "../matrix/recovery_passkeys";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import type { PasskeyProblem } from "../platform/passkey";
import { heardOut } from "./passkey_problem";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  /** `means`: a passkey or a code. `passkey`: there is one now. `renew`: those that opened what the code before opened. */
  step: "picture" | "means" | "code" | "check" | "passkey" | "renew";
  me: Person;
  nameIsFixed: boolean;
  code: string | null;
  kept: boolean;
  typed: string;
  mismatch: boolean;
  chosen: "passkey" | "code";
  passkeyProblem: PasskeyProblem | null;
  /** The passkey that was made here. */
  made: Pick<NewPasskey, "id" | "kind"> | null;
  /** Those that still wait to be tried again. */
  outdated: RecoveryPasskey[];
  /** The page where the server asks whether the keys may be replaced. `again`: it was not allowed there yet. */
  consent: { url: string; again: boolean } | null;
}

type Generated = Awaited<ReturnType<SignedIn["encryption"]["recovery"]["newCode"]>>;

/** Where it begins. */
export interface Beginning {
  /** `means` and `code`: what opens the messages is made or replaced, nothing else. */
  at: "picture" | "means" | "code";
  /** New keys in place of lost ones. */
  reset?: boolean;
  /** The key in use, which a passkey has opened: its code is written down now. */
  opened?: OpenedKey;
}

export class FirstRunViewModel extends ActingViewModel<State> {
  private generated: Generated | null = null;
  private made: NewPasskey | null = null;
  private opened: OpenedKey | null = null;
  private waiting: (() => Promise<void>) | null = null;
  private after = (): void => this.done();

  /** `done`: what comes after. */
  constructor(
    private readonly matrix: Pick<SignedIn, "people" | "encryption">,
    private readonly done: () => void,
    private readonly beginning: Beginning = { at: "picture" },
  ) {
    super({
      ...IDLE,
      step: beginning.at,
      me: matrix.people.me(),
      nameIsFixed: matrix.people.nameIsFixed,
      code: null,
      kept: false,
      typed: "",
      mismatch: false,
      chosen: "passkey",
      passkeyProblem: null,
      made: null,
      outdated: [],
      consent: null,
    });
    if (beginning.opened) this.generated = matrix.encryption.recovery.codeOf(beginning.opened);
    if (beginning.at === "code") void this.toCode();
    if (beginning.at === "means") void this.toMeans();
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

  /** A passkey or a code; where the browser makes no keys by passkeys, the code. */
  readonly toMeans = async (): Promise<void> => {
    if (!(await this.matrix.encryption.passkeys.isOffered())) return this.toCode();
    this.set({ step: "means" });
  };

  readonly choose = (chosen: "passkey" | "code"): void => this.set({ chosen, passkeyProblem: null });

  private readonly hear = (problem: PasskeyProblem): void => this.set({ passkeyProblem: problem });

  /** Makes a passkey, tries it, and seals the key of the messages under it. */
  readonly makePasskey = async (): Promise<void> => {
    const { recovery, passkeys } = this.matrix.encryption;
    this.set({ passkeyProblem: null });
    const made = await this.act(() =>
      heardOut(this.hear, async () => {
        this.made ??= await passkeys.make();
      }),
    );
    const { made: passkey } = this;
    if (!made || !passkey) return;
    await this.setUp(
      async () => {
        this.generated ??= await recovery.newCode();
        const setUp = this.beginning.reset ? recovery.reset : recovery.storeCode;
        this.opened ??= await setUp.call(recovery, this.generated, false);
        await passkeys.keep(passkey, "", this.opened);
      },
      () => this.set({ step: "passkey", made: { id: passkey.id, kind: passkey.kind }, consent: null }),
    );
  };

  /** What the new passkey is called; then the end, or the code beside it. */
  readonly namePasskey = async (name: string, next: "done" | "code"): Promise<void> => {
    const { passkeys } = this.matrix.encryption;
    const named = await this.act(async () => {
      if (this.made && name.trim()) await passkeys.rename(this.made.id, name);
    });
    if (!named) return;
    if (next === "code") await this.toCode();
    else this.done();
  };

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
    await this.setUp(
      () => this.storeCode(generated),
      () => this.ended(),
    );
  };

  private async storeCode(generated: Generated): Promise<void> {
    const { recovery } = this.matrix.encryption;
    const inUse = this.opened ?? this.beginning.opened;
    if (inUse) return recovery.keepCode(inUse);
    this.opened = await (this.beginning.reset ? recovery.reset(generated) : recovery.storeCode(generated));
  }

  /** Passkeys that opened what the code before opened are tried again, now that the new key is at hand. */
  private ended(): void {
    if (this.outdated().length) this.set({ step: "renew", outdated: this.outdated(), consent: null });
    else this.done();
  }

  private outdated(): RecoveryPasskey[] {
    const { passkeys } = this.matrix.encryption;
    return this.opened ? passkeys.list().filter((each) => !each.opens && each.isHere) : [];
  }

  readonly renew = async (id: string): Promise<void> => {
    const { opened } = this;
    this.set({ passkeyProblem: null });
    if (opened) await this.act(() => heardOut(this.hear, () => this.matrix.encryption.passkeys.renew(id, opened)));
    this.set({ outdated: this.outdated() });
  };

  readonly finishRenewing = (): void => this.done();

  /** Where there is a passkey already, the code may wait. */
  readonly later = async (): Promise<void> => {
    if (this.opened || this.beginning.opened) this.done();
    else await this.setUp(() => this.matrix.encryption.recovery.withoutCode());
  };

  /** What waited for the owner's consent. */
  readonly goOn = async (): Promise<void> => {
    if (this.waiting) await this.setUp(this.waiting, this.after);
  };

  /** New keys, and first ones of a session that is not new any more, need the owner's consent. */
  private async setUp(keys: () => Promise<void>, after = (): void => this.done()): Promise<void> {
    this.waiting = keys;
    this.after = after;
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
    else if (stored) after();
  }
}
