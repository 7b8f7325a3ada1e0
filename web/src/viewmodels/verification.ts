/** Confirming a device or a person, step by step. */

import type { SignedIn, SomeVerification } from "../matrix/signed_in";
import { ViewModel } from "./view_model";

interface State {
  phase: SomeVerification["phase"];
  /** Whether it was asked for here. */
  mine: boolean;
  /** Of another device of one's own, not of somebody else. */
  self: boolean;
  /** What both sides compare: pictures with their names. */
  emoji: Array<[string, string]> | null;
  /** What this device shows for the other to scan. */
  qr: Uint8ClampedArray | null;
  /** The other side has scanned: does it say so too? */
  isScanned: boolean;
}

const seen = ({ phase, mine, self, comparison, qr, scanned }: SomeVerification): State => ({
  phase,
  mine,
  self,
  emoji: comparison?.emoji ?? null,
  qr,
  isScanned: scanned !== null,
});

export class VerificationViewModel extends ViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "people">,
    private readonly verification: SomeVerification,
  ) {
    super(seen(verification));
    this.scope.owns(verification.changed.listen(() => this.set(seen(verification))));
  }

  /** Whom it is with. */
  get name(): string {
    return this.matrix.people.of(null, this.verification.otherId).name;
  }

  readonly accept = (): Promise<void> => this.verification.accept();
  readonly cancel = (): Promise<void> => this.verification.cancel();
  readonly compareEmoji = (): Promise<void> => this.verification.compareEmoji();
  readonly scan = (code: Uint8ClampedArray): Promise<void> => this.verification.scan(code);
  readonly confirmScanned = (): void => this.verification.scanned?.();
  readonly match = async (): Promise<void> => this.verification.comparison?.confirm();
  readonly mismatch = (): void => this.verification.comparison?.mismatch();

  /** Ends it, unless it has ended well. What somebody else asked for, and nobody has begun here, goes on elsewhere. */
  readonly leave = (): void => {
    const { phase, mine, accepted } = this.verification;
    const isUntouched = phase === "requested" && !mine && !accepted;
    if (phase !== "done" && !isUntouched) void this.verification.cancel();
    this.close();
  };
}
