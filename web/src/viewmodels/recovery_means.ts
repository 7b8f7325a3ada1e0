/** What opens one's messages on another device: the recovery code and the passkeys, in the settings. */

import type { CodeProblem, OpenedKey } from "../matrix/recovery";
import type { NewPasskey, RecoveryPasskey } from "../matrix/recovery_passkeys";
import type { SignedIn } from "../matrix/signed_in";
import type { PasskeyProblem } from "../platform/passkey";
import { heardOut } from "./passkey_problem";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

/** What is being done, a step at a time. */
export type MeansTask =
  /** The code, or a passkey that there is, before another one gets the key. */
  | { step: "unlock"; renewed: RecoveryPasskey | null }
  | { step: "create" }
  | { step: "name"; id: string; kind: RecoveryPasskey["kind"]; isNew: boolean; name: string }
  | { step: "remove"; passkey: RecoveryPasskey; isLast: boolean };

interface State extends Doing {
  passkeys: RecoveryPasskey[];
  /** Whether this browser makes keys by passkeys; null until it is known. */
  isOffered: boolean | null;
  isFull: boolean;
  hasCode: boolean;
  task: MeansTask | null;
  /** The key is at hand: the passkey is asked for by a press of its own. */
  isUnlocked: boolean;
  typed: string;
  codeProblem: CodeProblem | null;
  passkeyProblem: PasskeyProblem | "wrong" | null;
  /** Which passkey was tried and opens what it should, or was made ready again. */
  tried: string | null;
}

export class RecoveryMeansViewModel extends ActingViewModel<State> {
  private opened: OpenedKey | null = null;
  private made: NewPasskey | null = null;

  constructor(private readonly matrix: Pick<SignedIn, "encryption">) {
    super({
      ...IDLE,
      passkeys: [],
      isOffered: null,
      isFull: false,
      hasCode: false,
      task: null,
      isUnlocked: false,
      typed: "",
      codeProblem: null,
      passkeyProblem: null,
      tried: null,
    });
    const { encryption } = matrix;
    this.scope.owns(encryption.passkeys.changed.listen(() => this.look()));
    this.scope.owns(encryption.changed.listen(() => this.look()));
    this.look();
    void encryption.passkeys.isOffered().then((isOffered) => this.set({ isOffered }));
  }

  private look(): void {
    const { passkeys, recovery } = this.matrix.encryption;
    this.set({ passkeys: passkeys.list(), isFull: passkeys.isFull, hasCode: recovery.hasCode() });
  }

  /** Those that open the messages here, now. */
  private get usable(): RecoveryPasskey[] {
    return this.now.passkeys.filter((each) => each.opens && each.isHere);
  }

  /** Whether a passkey that there is can open the way for another one. */
  get hasUsable(): boolean {
    return this.usable.length > 0;
  }

  private begin(task: MeansTask): void {
    this.opened = null;
    this.made = null;
    this.set({ task, isUnlocked: false, typed: "", codeProblem: null, passkeyProblem: null, tried: null, problem: null });
  }

  readonly end = (): void => {
    this.opened = null;
    this.made = null;
    this.set({ task: null, isUnlocked: false, typed: "", codeProblem: null, passkeyProblem: null, problem: null });
  };

  readonly add = (): void => this.begin({ step: "unlock", renewed: null });

  /** A passkey that opened what the code before opened is to open what there is now. */
  readonly renew = (renewed: RecoveryPasskey): void => this.begin({ step: "unlock", renewed });

  readonly askRemove = (passkey: RecoveryPasskey): void => {
    const others = this.now.passkeys.filter((each) => each.opens && each.id !== passkey.id);
    this.begin({ step: "remove", passkey, isLast: passkey.opens && !this.now.hasCode && others.length === 0 });
  };

  readonly askName = ({ id, kind, name }: RecoveryPasskey): void => this.begin({ step: "name", id, kind, isNew: false, name });

  readonly type = (typed: string): void => this.set({ typed, codeProblem: null });

  readonly unlockByCode = (): Promise<boolean> =>
    this.act(async () => {
      const opened = await this.matrix.encryption.recovery.openByCode(this.now.typed);
      if (typeof opened === "string") this.set({ codeProblem: opened });
      else this.unlocked(opened);
    });

  readonly unlockByPasskey = (): Promise<boolean> =>
    this.withPasskey(async () => {
      const opened = await this.matrix.encryption.passkeys.open();
      if (opened) this.unlocked(opened);
      else this.set({ passkeyProblem: "wrong" });
    });

  private unlocked(opened: OpenedKey): void {
    this.opened = opened;
    this.set({ isUnlocked: true, typed: "", codeProblem: null, passkeyProblem: null });
    if (this.now.task?.step === "unlock" && !this.now.task.renewed) this.set({ task: { step: "create" } });
  }

  readonly create = (): Promise<boolean> =>
    this.withPasskey(async () => {
      const { passkeys } = this.matrix.encryption;
      const { opened } = this;
      if (!opened) return;
      this.made ??= await passkeys.make();
      await passkeys.keep(this.made, "", opened);
      const { id, kind } = this.made;
      this.set({ task: { step: "name", id, kind, isNew: true, name: "" } });
    });

  readonly finishRenewing = (): Promise<boolean> =>
    this.withPasskey(async () => {
      const { task } = this.now;
      if (task?.step !== "unlock" || !task.renewed || !this.opened) return;
      await this.matrix.encryption.passkeys.renew(task.renewed.id, this.opened);
      this.end();
      this.set({ tried: task.renewed.id });
    });

  readonly name = (name: string): Promise<boolean> =>
    this.act(async () => {
      const { task } = this.now;
      if (task?.step !== "name") return;
      await this.matrix.encryption.passkeys.rename(task.id, name);
      this.end();
    });

  readonly remove = (): Promise<boolean> =>
    this.act(async () => {
      const { task } = this.now;
      if (task?.step !== "remove" || task.isLast) return;
      await this.matrix.encryption.passkeys.remove(task.passkey.id);
      this.end();
    });

  /** Opens what it should open, and changes nothing. */
  readonly tryOut = (id: string): Promise<boolean> => {
    this.set({ tried: null });
    return this.withPasskey(async () => {
      const opened = await this.matrix.encryption.passkeys.open(id);
      this.set(opened ? { tried: id } : { passkeyProblem: "wrong" });
    });
  };

  /** The key in use, by a passkey, to write its code down. */
  readonly openForCode = async (go: (opened: OpenedKey) => void): Promise<void> => {
    let found: OpenedKey | null = null;
    await this.withPasskey(async () => {
      found = await this.matrix.encryption.passkeys.open();
      if (!found) this.set({ passkeyProblem: "wrong" });
    });
    if (found) go(found);
  };

  private withPasskey(action: () => Promise<void>): Promise<boolean> {
    this.set({ passkeyProblem: null });
    return this.act(() => heardOut((passkeyProblem) => this.set({ passkeyProblem }), action));
  }
}
