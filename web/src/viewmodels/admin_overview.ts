/** What an administrator has to see to, in numbers. */

import type { Overview } from "../matrix/console";
import type { SignedIn } from "../matrix/signed_in";
import type { Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  numbers: Overview | null;
}

export class OverviewViewModel extends ActingViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "console">,
    private readonly organisation: string,
    clock?: Clock,
  ) {
    super({ ...IDLE, numbers: null }, clock);
    void this.look();
  }

  readonly look = (): Promise<boolean> =>
    this.act(async () => this.set({ numbers: await this.matrix.console.overview(this.organisation) }));
}
