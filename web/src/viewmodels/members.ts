import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Member, RoomDetails } from "../matrix/types";
import { addressesIn } from "./create_room";
import { ActingViewModel, type Doing, IDLE } from "./view_model";
import { plainly } from "./words";

interface State extends Doing {
  members: Member[];
  loading: boolean;
  filter: string;
  shown: Member[];
  invited: number;
  failed: string[];
}

export class MembersViewModel extends ActingViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "agency">,
    private readonly conversation: Pick<SomeConversation, "id" | "changed" | "members">,
  ) {
    super({ ...IDLE, members: [], loading: true, filter: "", shown: [], invited: 0, failed: [] });
    this.scope.owns(conversation.changed.listen(() => void this.look()));
    void this.look();
  }

  private async look(): Promise<void> {
    const members = await this.conversation.members.list().catch(() => []);
    this.set({ members, loading: false, shown: filtered(members, this.now.filter) });
  }

  readonly setFilter = (filter: string): void => this.set({ filter, shown: filtered(this.now.members, filter) });

  /** People by identifier, and by address: many at once, as they were pasted. */
  readonly invite = (people: string[], pasted: string, guest?: { purpose: string; ends: number | null }): Promise<boolean> =>
    this.act(async () => {
      const failed: string[] = [];
      let invited = 0;
      for (const id of people)
        await this.conversation.members.invite(id).then(
          () => invited++,
          () => failed.push(id),
        );
      for (const address of addressesIn(pasted))
        await (guest
          ? this.matrix.agency.inviteGuest(this.conversation.id, address, guest.purpose, guest.ends)
          : this.conversation.members.inviteByEmail(address)
        ).then(
          () => invited++,
          () => failed.push(address),
        );
      this.set({ invited, failed });
      await this.look();
    });

  readonly kick = (id: string, reason: string): Promise<boolean> => this.act(() => this.conversation.members.kick(id, reason));
  readonly ban = (id: string, reason: string): Promise<boolean> => this.act(() => this.conversation.members.ban(id, reason));
  readonly unban = (id: string): Promise<boolean> => this.act(() => this.conversation.members.unban(id));
  readonly setLevel = (id: string, level: number): Promise<boolean> =>
    this.act(() => this.conversation.members.setLevel(id, level));
}

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
