/** A device that cannot read older messages yet: another device confirms it, or the recovery code does. */

import type { Device } from "../matrix/devices";
import type { CodeProblem } from "../matrix/recovery";
import type { RecoveryPasskey } from "../matrix/recovery_passkeys";
import type { SignedIn } from "../matrix/signed_in";
import type { PasskeyProblem } from "../platform/passkey";
import { heardOut } from "./passkey_problem";
import { VerificationViewModel } from "./verification";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  /** `lost`: neither at hand, what is left. `reset`: what beginning anew means. */
  step: "choose" | "code" | "lost" | "reset";
  hasCode: boolean;
  otherDevices: boolean;
  /** The devices that can confirm this one, those seen last first. */
  devices: Device[];
  /** The passkeys that open the messages here. */
  passkeys: RecoveryPasskey[];
  passkeyProblem: PasskeyProblem | "wrong" | null;
  /** What is typed before one begins anew, and whether it is one's name. */
  name: string;
  isNamed: boolean;
  typed: string;
  codeProblem: CodeProblem | null;
  codeCreated: number | null;
  verification: VerificationViewModel | null;
}

export class ConfirmDeviceViewModel extends ActingViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "encryption" | "people">,
    private readonly done: () => void,
    private readonly startReset: () => void,
  ) {
    super({
      ...IDLE,
      step: "choose",
      hasCode: true,
      otherDevices: true,
      devices: [],
      passkeys: [],
      passkeyProblem: null,
      name: "",
      isNamed: false,
      typed: "",
      codeProblem: null,
      codeCreated: matrix.encryption.recovery.codeCreated(),
      verification: null,
    });
    void this.look();
    this.scope.owns(
      matrix.encryption.changed.listen(() => {
        if (matrix.encryption.state === "ready" || matrix.encryption.state === "no-code") this.done();
      }),
    );
  }

  private async look(): Promise<void> {
    const devices = await this.matrix.encryption.devices.list().catch(() => []);
    const { recovery, passkeys } = this.matrix.encryption;
    const hasCode = (await recovery.exists()) && recovery.hasCode();
    const mayUse = await passkeys.isOffered();
    const able = devices.filter((each) => !each.current && each.confirmed);
    this.set({
      otherDevices: able.length > 0,
      devices: able,
      hasCode,
      passkeys: mayUse ? passkeys.list().filter((each) => each.opens && each.isHere) : [],
      codeCreated: recovery.codeCreated(),
    });
  }

  readonly toCode = (): void => this.set({ step: "code", typed: "", codeProblem: null });

  readonly toLost = (): void => this.set({ step: "lost", problem: null, passkeyProblem: null });

  readonly toReset = (): void => this.set({ step: "reset", name: "", isNamed: false });

  readonly back = (): void =>
    this.set({ step: this.now.step === "reset" ? "lost" : "choose", problem: null, passkeyProblem: null });

  /** Whoever begins anew writes their name: nobody does it by a slip of the hand. */
  readonly typeName = (name: string): void => this.set({ name, isNamed: isSameName(name, this.myName) });

  get myName(): string {
    return this.matrix.people.me().name;
  }

  /** By any of the passkeys, or by a certain one. */
  readonly usePasskey = (id: string | null = null): Promise<boolean> =>
    this.act(() =>
      heardOut(
        (passkeyProblem) => this.set({ passkeyProblem }),
        async () => {
          this.set({ passkeyProblem: null });
          const opened = await this.matrix.encryption.passkeys.open(id);
          if (!opened) return this.set({ passkeyProblem: "wrong" });
          await this.matrix.encryption.recovery.recoverWith(opened);
          this.done();
        },
      ),
    );

  readonly type = (typed: string): void => this.set({ typed, codeProblem: null });

  readonly enterCode = (): Promise<boolean> =>
    this.act(async () => {
      const codeProblem = await this.matrix.encryption.recovery.recover(this.now.typed);
      this.set({ codeProblem });
      if (codeProblem === null) this.done();
    });

  readonly useOtherDevice = (): Promise<boolean> =>
    this.act(async () => {
      const verification = await this.matrix.encryption.verifyThisDevice();
      const model = new VerificationViewModel(this.matrix, verification);
      this.scope.owns(() => model.close());
      this.scope.owns(
        verification.changed.listen(() => {
          if (verification.phase === "done") void this.matrix.encryption.refresh().then(() => this.done());
          this.set({ verification: verification.phase === "cancelled" ? null : model });
        }),
      );
      this.set({ verification: model });
    });

  readonly reset = (): void => {
    if (this.now.isNamed) this.startReset();
  };
}

/** As people type names: capitals, accents and spaces do not count. */
function isSameName(typed: string, name: string): boolean {
  const bare = (text: string): string =>
    text
      .normalize("NFD")
      .replace(/[\p{M}\s’'-]+/gu, "")
      .toLowerCase();
  return bare(typed) !== "" && bare(typed) === bare(name);
}
