/** What the service holds of somebody, packed on demand. */

import type { Package } from "../matrix/agency";
import { type Confirmation, isConfirmation } from "../matrix/confirmation";
import type { SignedIn } from "../matrix/signed_in";
import { clock as browser, type Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

const EVERY = 3000;

interface State extends Doing {
  packages: Package[] | null;
  /** What is to be confirmed on a page before it is prepared. */
  confirm: Confirmation | null;
  /** What is to be confirmed before a package is handed over: which one. */
  fetching: (Confirmation & { id: string }) | null;
}

export class MyDataViewModel extends ActingViewModel<State> {
  private readonly again = this.scope.timer();

  constructor(
    private readonly matrix: Pick<SignedIn, "agency">,
    clock: Clock = browser,
  ) {
    super({ ...IDLE, packages: null, confirm: null, fetching: null }, clock);
    void this.act(() => this.look());
  }

  /** Looks again while something is being made. */
  private async look(): Promise<void> {
    const packages = await this.matrix.agency.packages();
    this.set({ packages });
    const going = packages.some((each) => each.state === "waiting" || each.state === "working");
    if (going) this.again.set(EVERY, () => void this.look().catch(() => {}));
  }

  readonly ask = (): Promise<boolean> =>
    this.act(async () => {
      const session = this.now.confirm?.session ?? null;
      this.set({ confirm: null }); // one that has ended is begun anew
      const confirm = await this.matrix.agency.askPackage(session);
      this.set({ confirm });
      if (!confirm) await this.look();
    });

  /** null: it is to be confirmed first. */
  readonly fetch = async (id: string): Promise<Blob | null> => {
    let blob: Blob | null = null;
    await this.act(async () => {
      const { fetching } = this.now;
      this.set({ fetching: null });
      const answer = await this.matrix.agency.package(id, fetching?.id === id ? fetching.session : null);
      if (isConfirmation(answer)) this.set({ fetching: { ...answer, id } });
      else blob = answer;
    });
    return blob;
  };
}
