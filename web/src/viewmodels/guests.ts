/** The guests whom somebody sponsors: until when, what for; renewed with one press. */

import type { Guest } from "../matrix/agency";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

export interface Sponsored extends Guest {
  user_id: string;
  person: Person;
}

interface State extends Doing {
  guests: Sponsored[] | null;
  invited: Guest[];
}

export class GuestsViewModel extends ActingViewModel<State> {
  constructor(private readonly matrix: Pick<SignedIn, "agency" | "people">) {
    super({ ...IDLE, guests: null, invited: [] });
    void this.act(() => this.look());
  }

  private async look(): Promise<void> {
    const { guests, invited } = await this.matrix.agency.guests();
    const sponsored = guests.flatMap((each) =>
      each.user_id ? [{ ...each, user_id: each.user_id, person: this.matrix.people.of(null, each.user_id) }] : [],
    );
    this.set({ guests: sponsored, invited });
  }

  readonly renew = (id: string): Promise<boolean> =>
    this.act(async () => {
      await this.matrix.agency.renewGuest(id);
      await this.look();
    });

  /** Ends the account now; it can be renewed again. */
  readonly end = (id: string): Promise<boolean> =>
    this.act(async () => {
      await this.matrix.agency.changeGuest(id, { ends_ts: 1 });
      await this.look();
    });
}
