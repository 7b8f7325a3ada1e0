/** An account that the server lets do nothing: why, and renewing it, where that is what it takes. */

import type { SignedIn } from "../matrix/signed_in";
import type { Barred } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  why: Barred;
  sent: boolean;
  wrong: boolean;
}

export class BarredViewModel extends ActingViewModel<State> {
  constructor(private readonly matrix: Pick<SignedIn, "agency" | "barred" | "retry">) {
    super({ ...IDLE, why: matrix.barred.value ?? "locked", sent: false, wrong: false });
    this.scope.owns(matrix.barred.listen((why) => this.set({ why: why ?? "locked" })));
  }

  get byCode(): boolean {
    return this.matrix.agency.rules?.renewal_by_link === false;
  }

  get mayRenew(): boolean {
    const { rules } = this.matrix.agency;
    return (rules?.account_days ?? 0) > 0 && !rules?.me.is_guest;
  }

  /** Guests are renewed by whoever invited them. */
  get sponsor(): string | null {
    const { rules } = this.matrix.agency;
    return rules?.me.is_guest ? (rules.me.sponsor ?? "") : null;
  }

  /** Asks the server again whether it lets the account do something. */
  readonly retry = (): void => this.matrix.retry();

  readonly send = (): Promise<boolean> =>
    this.act(async () => {
      await this.matrix.agency.askRenewal();
      this.set({ sent: true });
    });

  readonly renew = (code: string): Promise<boolean> =>
    this.act(async () => {
      const right = await this.matrix.agency.renewByCode(code);
      this.set({ wrong: !right });
      if (right) this.retry();
    });
}
