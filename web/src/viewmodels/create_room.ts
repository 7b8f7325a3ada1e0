/** Making a room: what kind it is, who is in it. */

import type { SignedIn } from "../matrix/signed_in";
import type { Classification, Person } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

export type Kind = "direct" | "private" | "guests" | "forum" | "space";

export interface Chosen {
  key: string;
  person: Person | null;
  email: string | null;
}

interface State extends Doing {
  kind: Kind;
  name: string;
  topic: string;
  typed: string;
  /** The typed text is this address: it counts as chosen. */
  address: string | null;
  found: Person[];
  searching: boolean;
  chosen: Chosen[];
  nameMissing: boolean;
  peopleMissing: boolean;
  failed: string[];
  /** The marking of the new room. */
  level: string | null;
}

const EMAIL = /[^\s<>,;"']+@[^\s<>,;"']+\.[^\s<>,;"'.]+/g;

/** Addresses in a pasted list: one per line, commas, semicolons, "Name <address>". */
export const addressesIn = (text: string): string[] => [
  ...new Set((text.match(EMAIL) ?? []).map((each) => each.toLowerCase())),
];

const NOTHING_TYPED = { typed: "", address: null, found: [], searching: false };

/** The address that was typed, once it is whole. */
function addressTyped(typed: string): string | null {
  const [address, ...others] = addressesIn(typed);
  return address &&
    !others.length &&
    typed
      .trim()
      .toLowerCase()
      .replace(/^.*<|>$/g, "") === address
    ? address
    : null;
}

/** Choosing people: typed names are looked up, pasted addresses are taken as they are. */
export class CreateRoomViewModel extends ActingViewModel<State> {
  private turn = 0;
  private readonly looking = this.scope.timer();

  constructor(
    private readonly matrix: Pick<SignedIn, "agency" | "people" | "entry" | "conversation">,
    private readonly made: (roomId: string) => void,
    kind: Kind = "private",
    clock: Clock = browser,
  ) {
    super(
      {
        ...IDLE,
        kind,
        name: "",
        topic: "",
        typed: "",
        address: null,
        found: [],
        searching: false,
        chosen: [],
        nameMissing: false,
        peopleMissing: false,
        failed: [],
        level: null,
      },
      clock,
    );
  }

  /** The markings that a room of this kind may have. */
  levels(): Classification[] {
    if (this.now.kind !== "private" && this.now.kind !== "guests") return [];
    return this.matrix.agency.higher(null).filter((each) => this.now.kind === "private" || each.guests);
  }

  readonly setLevel = (level: string | null): void => this.set({ level });
  readonly setKind = (kind: Kind): void =>
    this.set({ kind, level: null, chosen: kind === "direct" ? this.now.chosen.slice(0, 1) : this.now.chosen, problem: null });
  readonly setName = (name: string): void => this.set({ name, nameMissing: false });
  readonly setTopic = (topic: string): void => this.set({ topic });

  readonly type = (typed: string): void => {
    this.set({ typed, address: addressTyped(typed), peopleMissing: false });
    this.looking.clear();
    const addresses = addressesIn(typed);
    if (addresses.length > 1 || (addresses.length === 1 && /[\s,;]$/.test(typed))) return this.take(addresses);
    if (typed.trim().length < 2) return this.set({ found: [], searching: false });
    this.set({ searching: true });
    this.looking.set(200, () => void this.look(typed));
  };

  private take(addresses: string[]): void {
    const fresh = addresses
      .filter((each) => !this.now.chosen.some((chosen) => chosen.email === each))
      .map((email) => ({ key: email, person: null, email }));
    const chosen = [...this.now.chosen, ...fresh];
    this.set({ chosen: this.now.kind === "direct" ? chosen.slice(0, 1) : chosen, ...NOTHING_TYPED });
  }

  private async look(typed: string): Promise<void> {
    const turn = ++this.turn;
    const found = await this.matrix.people.find(typed).catch(() => []);
    if (turn !== this.turn) return;
    this.set({
      found: found.filter((each) => !this.now.chosen.some((chosen) => chosen.person?.id === each.id)),
      searching: false,
    });
  }

  readonly pick = (person: Person): void => {
    const chosen = { key: person.id, person, email: null };
    this.set({ chosen: this.now.kind === "direct" ? [chosen] : [...this.now.chosen, chosen], ...NOTHING_TYPED });
  };

  /** Enter in the field: the first person found, or the address as typed. */
  readonly pickTyped = (): void => {
    const [address] = addressesIn(this.now.typed);
    if (this.now.found[0]) this.pick(this.now.found[0]);
    else if (address) this.take([address]);
  };

  /** Who is chosen, and whose address stands in the field. */
  readonly given = (): Chosen[] => {
    const { chosen, address: email, kind } = this.now;
    if (!email || chosen.some((each) => each.email === email) || (kind === "direct" && chosen.length)) return chosen;
    return [...chosen, { key: email, person: null, email }];
  };

  /** Of whom something was asked in vain. */
  keepOnly(keys: string[]): void {
    this.set({ chosen: this.given().filter((each) => keys.includes(each.key)), ...NOTHING_TYPED });
  }

  readonly remove = (key: string): void => this.set({ chosen: this.now.chosen.filter((each) => each.key !== key) });

  readonly create = (): Promise<boolean> => {
    const { kind, name, topic } = this.now;
    const chosen = this.given();
    if (kind === "direct" && !chosen.length) {
      this.set({ peopleMissing: true });
      return Promise.resolve(false);
    }
    if (kind !== "direct" && !name.trim()) {
      this.set({ nameMissing: true });
      return Promise.resolve(false);
    }
    return this.act(async () => {
      const people = chosen.flatMap((each) => (each.person ? [each.person.id] : []));
      if (kind === "direct") {
        if (people[0]) return this.made(await this.matrix.entry.direct(people[0]));
        if (chosen[0].email) this.made(await this.matrix.entry.directByAddress(chosen[0].email));
        return;
      }
      const level = kind === "private" || kind === "guests" ? (this.now.level ?? undefined) : undefined;
      const id = await this.matrix.entry.create({ kind, name: name.trim(), topic: topic.trim(), invite: people, level });
      await this.inviteAddresses(
        id,
        chosen.flatMap((each) => (each.email ? [each.email] : [])),
      );
      return this.made(id);
    });
  };

  private async inviteAddresses(roomId: string, addresses: string[]): Promise<void> {
    const conversation = this.matrix.conversation(roomId);
    const failed: string[] = [];
    for (const address of addresses) await conversation.members.inviteByEmail(address).catch(() => failed.push(address));
    conversation.close();
    this.set({ failed });
  }
}
