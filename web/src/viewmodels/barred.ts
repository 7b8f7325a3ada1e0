/** An account that the server lets do nothing: renewing it, where that is what it takes. */

import type { Agency } from "../matrix/agency";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  sent: boolean;
  wrong: boolean;
}

export class BarredViewModel extends ActingViewModel<State> {
  constructor(
    private readonly agency: Agency,
    private readonly again: () => void,
  ) {
    super({ ...IDLE, sent: false, wrong: false });
  }

  get byCode(): boolean {
    return this.agency.rules?.renewal_by_link === false;
  }

  get mayRenew(): boolean {
    return (this.agency.rules?.account_days ?? 0) > 0 && !this.agency.rules?.me.is_guest;
  }

  /** Guests are renewed by whoever invited them. */
  get sponsor(): string | null {
    return this.agency.rules?.me.is_guest ? (this.agency.rules.me.sponsor ?? "") : null;
  }

  readonly send = (): Promise<boolean> =>
    this.act(async () => {
      await this.agency.askRenewal();
      this.set({ sent: true });
    });

  readonly renew = (code: string): Promise<boolean> =>
    this.act(async () => {
      const right = await this.agency.renewByCode(code);
      this.set({ wrong: !right });
      if (right) this.again();
    });
}
