import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Status } from "../matrix/statuses";
import type { Awaited, Member, Person, RoomDetails } from "../matrix/types";
import { ActingViewModel, type Doing, IDLE } from "./view_model";
import { plainly } from "./words";

interface State extends Doing {
  members: Member[];
  loading: boolean;
  filter: string;
  shown: Member[];
  /** Who was invited by an address, and has not come yet. */
  awaited: Array<Awaited & { by: Person }>;
}

export class MembersViewModel extends ActingViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "people">,
    private readonly conversation: Pick<SomeConversation, "changed" | "members">,
  ) {
    super({ ...IDLE, members: [], loading: true, filter: "", shown: [], awaited: [] });
    this.scope.owns(conversation.changed.listen(() => void this.look()));
    void this.look();
  }

  private async look(): Promise<void> {
    const members = await this.conversation.members.list().catch(() => []);
    this.set({ members, loading: false, shown: filtered(members, this.now.filter) });
    const awaited = await this.conversation.members.awaited().catch(() => this.now.awaited);
    this.set({ awaited: awaited.map((each) => ({ ...each, by: this.matrix.people.of(null, each.invitedBy) })) });
  }

  /** After somebody was invited. */
  readonly lookAgain = (): void => void this.look();

  readonly setFilter = (filter: string): void => this.set({ filter, shown: filtered(this.now.members, filter) });

  readonly sendAgain = (token: string): Promise<boolean> => this.act(() => this.conversation.members.sendAgain(token));

  readonly withdraw = (token: string): Promise<boolean> =>
    this.act(async () => {
      await this.conversation.members.withdraw(token);
      await this.look();
    });

  readonly kick = (id: string, reason: string): Promise<boolean> => this.act(() => this.conversation.members.kick(id, reason));
  readonly ban = (id: string, reason: string): Promise<boolean> => this.act(() => this.conversation.members.ban(id, reason));
  readonly unban = (id: string): Promise<boolean> => this.act(() => this.conversation.members.unban(id));
  readonly setLevel = (id: string, level: number): Promise<boolean> =>
    this.act(() => this.conversation.members.setLevel(id, level));
}

export type Reach = "here" | "busy" | "away";

/** Those whom one reaches first; each group as it was. */
export function byReach<T extends { id: string }>(people: T[], of: (id: string) => Status | null): Array<[Reach, T[]]> {
  const groups: Record<Reach, T[]> = { here: [], busy: [], away: [] };
  for (const each of people) {
    const state = of(each.id)?.state;
    groups[state === "available" ? "here" : state === "busy" || state === "meeting" ? "busy" : "away"].push(each);
  }
  return (["here", "busy", "away"] as const).map((each) => [each, groups[each]]);
}

/** In larger rooms the order is that of names: who comes and goes would move everybody. */
export const MOST_BY_REACH = 200;

export type Role = "owner" | "admin" | "moderator" | "member" | "custom";

export function roleOf(level: number): Role {
  if (level > 100) return "owner";
  if (level === 100) return "admin";
  if (level === 50) return "moderator";
  return level === 0 ? "member" : "custom";
}

/** Whether somebody may act on another: a higher level than theirs is needed. */
export const mayActOn = (details: RoomDetails, member: Member): boolean => details.myLevel > member.level;

const filtered = (members: Member[], filter: string): Member[] => {
  const asked = plainly(filter.trim());
  return asked
    ? members.filter((each) => plainly(`${each.name} ${each.organisation ?? ""} ${each.id}`).includes(asked))
    : members;
};
