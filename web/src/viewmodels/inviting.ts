/** Inviting into a room: by name, or by an address, which is whose it is: a colleague's, a guest's, nobody's. */

import type { Past } from "../matrix/history_sharing";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import { clock as browser, type Clock, isoDay, isoMinute } from "../platform/clock";
import { type Chosen, CreateRoomViewModel } from "./create_room";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

/** Whose an address is; undefined while it is looked up, null where nobody says. */
export type Whose = { guest: boolean; organisation: string | null } | "nobody" | "elsewhere" | null | undefined;

export interface Recipient {
  key: string;
  /** Of somebody who has an account. */
  id: string | null;
  name: string;
  whose: Whose;
}

/** Why the invitations cannot leave yet. */
export type Missing = "people" | "purpose" | "end" | "closed" | "nobody" | "looking" | "since";

/** How much of what was said before goes along. */
export type PastChoice = "none" | "since" | "all";

/** Why nothing of the past can go along: the room's rule for newcomers, its marking, this device, or whom one invites. */
export type PastFixed = "visibility" | "level" | "unconfirmed" | "guests";

interface State extends Doing {
  to: Recipient[];
  purpose: string;
  ends: string;
  /** A purpose is asked for. */
  guests: boolean;
  missing: Missing | null;
  invited: string[];
  /** Of them, those who got nothing of what was to go along: they have confirmed no device. */
  unopened: string[];
  failed: string[];
  past: PastChoice;
  /** From when on, as a field of date and time has it. */
  since: string;
  pastFixed: PastFixed | null;
}

const LOOKED_UP_AT_MOST = 20;
const DAY = 86_400_000;

/** Keys go to devices: to whoever has an account, and is no guest. */
const mayBeGiven = ({ id, whose }: Recipient): boolean => id !== null && !(typeof whose === "object" && whose?.guest);

export class InvitingViewModel extends ActingViewModel<State> {
  /** The field in which people are chosen. */
  readonly people: CreateRoomViewModel;
  private readonly whose = new Map<string, Whose>();

  /** `opened`: guests may come into the room. `present`: who is in it. */
  constructor(
    private readonly matrix: Pick<SignedIn, "agency" | "people" | "entry" | "conversation" | "encryption">,
    private readonly conversation: Pick<SomeConversation, "id" | "members" | "details">,
    private readonly opened: boolean,
    private readonly present: Set<string>,
    private readonly clock: Clock = browser,
  ) {
    super(
      {
        ...IDLE,
        to: [],
        purpose: "",
        ends: "",
        guests: false,
        missing: "people",
        invited: [],
        unopened: [],
        failed: [],
        past: "none",
        since: isoMinute(clock.now() - DAY),
        pastFixed: null,
      },
      clock,
    );
    this.people = new CreateRoomViewModel(matrix, () => {}, "private", clock);
    this.scope.owns(this.people.subscribe(() => this.follow()));
    this.scope.owns(() => this.people.close());
  }

  readonly setPurpose = (purpose: string): void => this.judge({ purpose });
  readonly setEnds = (ends: string): void => this.judge({ ends });

  /** The first and the last day of a guest, as a field of dates has them. */
  readonly days = (): { first: string; last: string | undefined } => {
    const most = this.matrix.agency.rules?.guest_days;
    const now = this.clock.now();
    return { first: isoDay(now), last: most ? isoDay(now + most * 86_400_000) : undefined };
  };

  /** Whether messages are sealed here: where they are not, the server gives newcomers what the room's rule says. */
  get asksPast(): boolean {
    return this.conversation.details().encrypted;
  }

  readonly setPast = (past: PastChoice): void => this.judge({ past });
  readonly setSince = (since: string): void => this.judge({ since });

  /** The latest moment that there is a past from. */
  get latest(): string {
    return isoMinute(this.clock.now());
  }

  private fixed(to: Recipient[]): PastFixed | null {
    const { historyVisibility, level } = this.conversation.details();
    if (historyVisibility !== "shared" && historyVisibility !== "world_readable") return "visibility";
    if (level && !level.history_sharing) return "level";
    if (!["ready", "no-code"].includes(this.matrix.encryption.state)) return "unconfirmed";
    return to.length > 0 && to.every((each) => !mayBeGiven(each)) ? "guests" : null;
  }

  private follow(): void {
    const chosen = this.people.given().filter((each) => !each.person || !this.present.has(each.person.id));
    for (const { email } of chosen) if (email && !this.whose.has(email)) void this.look(email);
    this.judge({ to: chosen.map((each) => this.recipient(each)) });
  }

  private recipient({ key, person, email }: Chosen): Recipient {
    const whose: Whose = person ? { guest: person.guest, organisation: person.organisation } : this.whose.get(email!);
    return { key, id: person?.id ?? null, name: person?.name ?? email!, whose };
  }

  /** A long list is not asked about: the server says of each what it says. */
  private async look(address: string): Promise<void> {
    const asks = this.whose.size < LOOKED_UP_AT_MOST;
    this.whose.set(address, asks ? undefined : null);
    if (!asks) return;
    const found = await this.matrix.agency.whose(address).catch(() => null);
    this.whose.set(address, found);
    this.follow();
  }

  private judge(change: Partial<State>): void {
    const next = { ...this.now, ...change };
    const guests = this.matrix.agency.rules !== null && next.to.some((each) => !each.id && this.asksPurpose(each.whose));
    const pastFixed = this.asksPast ? this.fixed(next.to) : null;
    this.set({ ...change, guests, pastFixed, missing: this.missing({ ...next, guests, pastFixed }) });
  }

  private asksPurpose(whose: Whose): boolean {
    return whose === null ? this.opened : typeof whose === "object" && whose.guest;
  }

  private missing({ to, guests, purpose, ends, past, since, pastFixed }: State): Missing | null {
    if (!to.length) return "people";
    if (to.some((each) => each.whose === undefined)) return "looking";
    if (to.some((each) => each.whose === "nobody")) return "nobody";
    if (guests && !this.opened) return "closed";
    const from = new Date(since).getTime();
    if (this.asksPast && !pastFixed && past === "since" && !(from <= this.clock.now())) return "since";
    if (!guests) return null;
    if (!purpose.trim()) return "purpose";
    const { first, last } = this.days();
    return ends && (ends < first || (last && ends > last)) ? "end" : null;
  }

  /** Resolves whether all were invited: those who were not stay, and are named. */
  readonly send = async (): Promise<boolean> => {
    if (this.now.missing) return false;
    const { to, purpose, ends } = this.now;
    const past = this.chosenPast();
    const invited: string[] = [];
    const unopened: string[] = [];
    const failed: Recipient[] = [];
    await this.act(async () => {
      for (const each of to)
        await this.invite(each, purpose.trim(), ends ? new Date(`${ends}T23:59`).getTime() : null, past).then(
          (isGiven) => {
            invited.push(each.name);
            if (isGiven === false) unopened.push(each.name);
          },
          () => failed.push(each),
        );
      this.set({ invited, unopened, failed: failed.map((each) => each.name) });
    });
    this.people.keepOnly(failed.map((each) => each.key));
    return !failed.length;
  };

  private chosenPast(): Past | null {
    const { past, since, pastFixed } = this.now;
    if (!this.asksPast || pastFixed || past === "none") return null;
    return { since: past === "all" ? null : new Date(since).getTime() };
  }

  /** Resolves whether what was to go along has; undefined where nothing was to. */
  private async invite(
    recipient: Recipient,
    purpose: string,
    ends: number | null,
    past: Past | null,
  ): Promise<boolean | undefined> {
    const { id, name, whose } = recipient;
    const along = mayBeGiven(recipient) ? past : null;
    if (id) {
      const isGiven = await this.conversation.members.invite(id, along);
      return along ? isGiven : undefined;
    }
    if (this.matrix.agency.rules && this.asksPurpose(whose))
      await this.matrix.agency.inviteGuest(this.conversation.id, name, purpose, ends);
    else await this.conversation.members.inviteByEmail(name);
    return undefined;
  }
}
