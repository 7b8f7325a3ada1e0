/** Somebody's card: who they are, whether it is they, what may be done about them in this room. */

import type { GuestCard } from "../matrix/agency";
import { type DirectoryFacts, NO_FACTS } from "../matrix/directory_facts";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Member, Person } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  person: Person;
  /** Of this room; null for somebody who is not in it. */
  member: Member | null;
  /** Undefined while it is looked up, null where that failed. */
  trust: "verified" | "changed" | "unknown" | null | undefined;
  ignored: boolean;
  /** In how many rooms one meets them. */
  shared: number;
  /** Who answers for a guest, what for, until when; null for others. */
  guest: (GuestCard & { by: Person }) | null;
  /** Empty until they are there, and where their server says none. */
  facts: DirectoryFacts;
}

/** What a telephone dials of a number as people write it; null for what is no number. */
export function dialled(telephone: string): string | null {
  if (!/^\+?[\d\s().\-/]{2,40}$/.test(telephone)) return null;
  const international = telephone.startsWith("+");
  const digits = (international ? telephone.replace(/\(0\)/, "") : telephone).replace(/\D/g, "");
  return digits.length < 2 ? null : (international ? "+" : "") + digits;
}

export class PersonViewModel extends ActingViewModel<State> {
  readonly isMe: boolean;
  private turn = 0;

  constructor(
    private readonly matrix: Pick<SignedIn, "userId" | "people" | "rooms" | "encryption" | "agency">,
    private readonly conversation: Pick<SomeConversation, "changed" | "members">,
    readonly id: string,
  ) {
    const { people, rooms } = matrix;
    super({
      ...IDLE,
      person: people.of(null, id),
      member: null,
      trust: undefined,
      ignored: people.isIgnored(id),
      shared: rooms.sharedWith(id).length,
      guest: null,
      facts: NO_FACTS,
    });
    this.isMe = id === matrix.userId;
    this.scope.owns(conversation.changed.listen(() => void this.look()));
    this.scope.owns(matrix.encryption.changed.listen(() => void this.lookTrust()));
    void this.look();
    void this.lookTrust();
    void this.lookGuest();
    void this.lookFacts();
  }

  private async lookFacts(): Promise<void> {
    this.set({ facts: await this.matrix.people.facts(this.id).catch(() => NO_FACTS) });
  }

  /** Guests themselves are not told, and servers elsewhere say nothing: the card goes without. */
  private async lookGuest(): Promise<void> {
    const { rules } = this.matrix.agency;
    if (!this.now.person.guest || !rules || rules.me.is_guest) return;
    const guest = await this.matrix.agency.guest(this.id).catch(() => null);
    this.set({ guest: guest && { ...guest, by: this.matrix.people.of(null, guest.sponsor) } });
  }

  private async look(): Promise<void> {
    const members = await this.conversation.members.list().catch(() => []);
    const member = members.find((each) => each.id === this.id) ?? null;
    const person = member ?? this.matrix.people.of(null, this.id);
    this.set({ member, person, shared: this.matrix.rooms.sharedWith(this.id).length });
  }

  private async lookTrust(): Promise<void> {
    const turn = ++this.turn;
    const trust = await this.matrix.encryption.trustOf(this.id).catch(() => null);
    if (turn === this.turn) this.set({ trust });
  }

  readonly setIgnored = (ignored: boolean): void => {
    this.set({ ignored });
    void this.matrix.people.setIgnored(this.id, ignored);
  };

  readonly setLevel = (level: number): Promise<boolean> => this.act(() => this.conversation.members.setLevel(this.id, level));
  readonly kick = (reason: string): Promise<boolean> => this.act(() => this.conversation.members.kick(this.id, reason));
  readonly ban = (reason: string): Promise<boolean> => this.act(() => this.conversation.members.ban(this.id, reason));
}
