/** One act for several people: it says beforehand whom and what, afterwards what became of each, and may be taken back. */

import type { Became, Row } from "../matrix/console";
import { type Explanation, explain } from "../matrix/errors";
import type { SignedIn } from "../matrix/signed_in";
import type { Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

/** What may be done to several people, and what takes it back. */
export const SEVERAL = ["lock", "unlock", "sign_out", "renew"] as const;
export type SeveralAction = (typeof SEVERAL)[number];
const UNDO: Partial<Record<SeveralAction, SeveralAction>> = { lock: "unlock", unlock: "lock" };
/** How many the server does at once. */
export const AT_ONCE = 200;

interface State extends Doing {
  became: Became[] | null;
  undone: boolean;
}

/** Those to whom an action says something: who is locked is not locked again. */
export const concerned = (action: SeveralAction, rows: Row[]): Row[] =>
  rows.filter((row) => (action === "lock" ? !row.locked : action === "unlock" ? Boolean(row.locked) : true));

export class SeveralViewModel extends ActingViewModel<State> {
  readonly people: Row[];

  constructor(
    private readonly matrix: Pick<SignedIn, "console">,
    private readonly organisation: string,
    readonly action: SeveralAction,
    rows: Row[],
    clock?: Clock,
  ) {
    super({ ...IDLE, became: null, undone: false }, clock);
    this.people = concerned(action, rows);
  }

  /** Of whom there are administrators: what is done to them waits for a second person. */
  get administrators(): number {
    return this.people.filter((row) => row.administers).length;
  }

  get mayUndo(): boolean {
    return !this.now.undone && this.action in UNDO && this.with("done").length > 0;
  }

  readonly run = (): Promise<boolean> =>
    this.act(async () => this.set({ became: await this.send(this.action, this.people.map((row) => String(row.user_id))) })); // biome-ignore format: one line

  /** Takes back what was done, and only that. */
  readonly undo = (): Promise<boolean> =>
    this.act(async () => {
      const back = UNDO[this.action];
      if (back) this.set({ became: await this.send(back, this.with("done").map((each) => each.user_id)), undone: true }); // biome-ignore format: one line
    });

  with(outcome: Became["outcome"]): Became[] {
    return (this.now.became ?? []).filter((each) => each.outcome === outcome);
  }

  why({ errcode, error, reason }: Became): Explanation {
    return explain({ errcode, data: { error, reason } });
  }

  private async send(action: SeveralAction, people: string[]): Promise<Became[]> {
    const became: Became[] = [];
    for (let from = 0; from < people.length; from += AT_ONCE)
      became.push(...(await this.matrix.console.several(this.organisation, action, people.slice(from, from + AT_ONCE))));
    return became;
  }
}
