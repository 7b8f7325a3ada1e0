/** One room on the screen: its head, its timeline, its composer, its panel. */

import type { Removed } from "../matrix/agency";
import type { Conversation } from "../matrix/conversation";
import { type Explanation, explain } from "../matrix/errors";
import type { Matrix } from "../matrix/matrix";
import type { Item, Person, RoomDetails, RoomSummary } from "../matrix/types";
import { findEmoji } from "../platform/emoji";
import { prepare } from "../platform/files";
import { ComposerViewModel } from "./composer";
import type { Drafts } from "./drafts";
import type { Preferences } from "./preferences";
import { TimelineViewModel } from "./timeline";
import { ViewModel } from "./view_model";

interface State {
  details: RoomDetails | null;
  membership: RoomSummary["membership"] | "none";
  summary: RoomSummary | null;
  typing: string[];
  problem: Explanation | null;
  changedIdentity: Person | null;
  poll: boolean;
  busy: boolean;
}

export class RoomViewModel extends ViewModel<State> {
  readonly conversation: Conversation;
  timeline: TimelineViewModel | null = null;
  composer: ComposerViewModel | null = null;
  private threads = new Map<string, { timeline: TimelineViewModel; composer: ComposerViewModel }>();

  constructor(
    readonly matrix: Matrix,
    readonly id: string,
    private readonly drafts: Drafts,
    private readonly preferences: Preferences,
    private readonly go: { home: () => void; room: (id: string) => void },
    event: string | null,
  ) {
    super({
      details: null,
      membership: "none",
      summary: null,
      typing: [],
      problem: null,
      changedIdentity: null,
      poll: false,
      busy: false,
    });
    this.conversation = matrix.conversation(id);
    this.scope.owns(() => this.conversation.close());
    this.scope.owns(this.conversation.changed.listen(() => this.look()));
    this.scope.owns(matrix.rooms.changed.listen(() => this.look()));
    this.scope.owns(matrix.encryption.changed.listen(() => void this.lookIdentity()));
    this.look();
    this.begin(event);
    void this.lookIdentity();
  }

  nameOf(id: string): string {
    return this.conversation.nameOf(id);
  }

  private begin(event: string | null): void {
    if (this.timeline || this.now.membership !== "join") return;
    this.timeline = new TimelineViewModel(
      this.conversation,
      null,
      () => this.preferences.snapshot().privateReceipts,
      event,
      this.now.summary?.isUnread ?? false,
    );
    this.composer = this.newComposer(null, this.timeline);
    this.scope.owns(() => this.timeline?.close());
    this.scope.owns(() => this.composer?.close());
  }

  /** A thread's messages and composer; the same ones again while the room is open. */
  thread(id: string): { timeline: TimelineViewModel; composer: ComposerViewModel } {
    let found = this.threads.get(id);
    if (!found) {
      const timeline = new TimelineViewModel(this.conversation, id, () => this.preferences.snapshot().privateReceipts);
      found = { timeline, composer: this.newComposer(id, timeline) };
      this.threads.set(id, found);
      this.scope.owns(() => timeline.close());
    }
    return found;
  }

  private newComposer(threadId: string | null, timeline: TimelineViewModel): ComposerViewModel {
    return new ComposerViewModel(
      {
        conversation: this.conversation,
        drafts: this.drafts,
        details: () => this.now.details!,
        people: async () =>
          (await this.conversation.members.list()).filter(
            (each) => each.membership === "join" && each.id !== this.matrix.userId,
          ),
        emoji: findEmoji,
        prepare,
        fileLimit: () => this.matrix.media.limit(),
        lastOwn: () => timeline.lastOwn(),
        sendTyping: () => this.preferences.snapshot().sendTyping,
        openPoll: () => this.set({ poll: true }),
        left: () => void this.leave(),
      },
      threadId,
    );
  }

  private look(): void {
    const summary = this.matrix.rooms.list().find((each) => each.id === this.id) ?? null;
    if (!this.conversation.exists || !summary) return this.set({ membership: "none", summary: null, details: null });
    this.set({
      summary,
      membership: summary.membership,
      details: this.conversation.details(),
      typing: this.conversation.typing(),
    });
    this.begin(null);
  }

  private async lookIdentity(): Promise<void> {
    const other = this.now.details?.other;
    if (!other || this.now.membership !== "join") return;
    const trust = await this.matrix.encryption.trustOf(other.id).catch(() => "unknown" as const);
    this.set({ changedIdentity: trust === "changed" ? other : null });
  }

  readonly acceptIdentity = async (): Promise<void> => {
    const person = this.now.changedIdentity;
    this.set({ changedIdentity: null });
    if (person) await this.matrix.encryption.acceptIdentity(person.id).catch(() => {});
  };

  private async try(action: () => Promise<unknown>): Promise<boolean> {
    this.set({ busy: true, problem: null });
    try {
      await action();
      return true;
    } catch (error) {
      this.set({ problem: explain(error) });
      return false;
    } finally {
      this.set({ busy: false });
    }
  }

  readonly dismiss = (): void => this.set({ problem: null });
  readonly openPoll = (poll: boolean): void => this.set({ poll });
  readonly join = (): Promise<boolean> => this.try(() => this.matrix.entry.join(this.id));
  readonly decline = async (): Promise<void> => {
    if (await this.try(() => this.matrix.entry.leave(this.id))) this.go.home();
  };
  readonly leave = async (): Promise<boolean> => {
    const left = await this.try(() => this.matrix.entry.leave(this.id));
    if (left) this.go.home();
    return left;
  };
  readonly knock = (reason: string): Promise<boolean> => this.try(() => this.matrix.entry.knock(this.id, reason));
  readonly react = (item: Item, key: string): Promise<boolean> => {
    const mine = item.reactions.find((each) => each.key === key)?.mine;
    return this.try(() => (mine ? this.conversation.redact(mine, "") : this.conversation.react(item.eventId, key)));
  };
  readonly redact = (item: Item, reason: string): Promise<boolean> =>
    this.try(() => this.conversation.redact(item.eventId, reason));
  readonly pin = (item: Item, pinned: boolean): Promise<boolean> =>
    this.try(() => this.conversation.settings.pin(item.eventId, pinned));
  readonly vote = (item: Item, answer: string): Promise<boolean> =>
    this.try(() => this.conversation.polls.vote(item.eventId, [answer]));
  readonly endPoll = (item: Item, text: string): Promise<boolean> =>
    this.try(() => this.conversation.polls.end(item.eventId, text));
  readonly startPoll = (question: string, answers: string[], disclosed: boolean, thread: string | null): Promise<boolean> =>
    this.try(() => this.conversation.polls.start(question, answers, disclosed, thread));
  readonly retry = (item: Item): void => void this.conversation.retry(item.key);
  readonly discard = (item: Item): void => this.conversation.discard(item.key);
  readonly report = (item: Item, reason: string): Promise<boolean> =>
    this.try(() => this.conversation.report(item.eventId, reason));
  readonly forward = (item: Item, to: string[]): Promise<boolean> =>
    this.try(async () => {
      for (const id of to) {
        const target = this.matrix.conversation(id);
        await target.forward(this.conversation, item.eventId).finally(() => target.close());
      }
    });
  readonly setFavourite = (favourite: boolean): Promise<boolean> =>
    this.try(() => this.matrix.rooms.setFavourite(this.id, favourite));
  readonly upgrade = (version: string): Promise<boolean> =>
    this.try(async () => this.go.room(await this.conversation.settings.upgrade(version)));
  /** Null where it did not go well. */
  readonly closeToGuests = async (): Promise<Removed[] | null> => {
    let removed: Removed[] | null = null;
    await this.try(async () => {
      removed = await this.conversation.settings.closeToGuests();
    });
    return removed;
  };
  readonly goTo = (id: string): void => this.go.room(id);
  readonly run = (action: (conversation: Conversation) => Promise<unknown>): Promise<boolean> =>
    this.try(() => action(this.conversation));
}
