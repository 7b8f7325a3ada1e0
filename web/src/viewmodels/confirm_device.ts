/** A device that cannot read older messages yet: another device confirms it, or the recovery code does. */

import type { CodeProblem } from "../matrix/recovery";
import type { SignedIn } from "../matrix/signed_in";
import { VerificationViewModel } from "./verification";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  step: "choose" | "code" | "reset";
  hasCode: boolean;
  otherDevices: boolean;
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
    const hasCode = await this.matrix.encryption.recovery.exists();
    this.set({
      otherDevices: devices.some((each) => !each.current && each.confirmed),
      hasCode,
      codeCreated: this.matrix.encryption.recovery.codeCreated(),
    });
  }

  readonly toCode = (): void => this.set({ step: "code", typed: "", codeProblem: null });

  readonly toReset = (): void => this.set({ step: "reset" });

  readonly back = (): void => this.set({ step: "choose", problem: null });

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

  readonly reset = (): void => this.startReset();
}
