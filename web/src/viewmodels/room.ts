/** One room on the screen: its head, its timeline, its composer, its panel. */

import type { Removed } from "../matrix/agency";
import { type Explanation, explain } from "../matrix/errors";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import type { Classification, Farewell, Item, Person, RoomDetails, RoomSummary } from "../matrix/types";
import { choose, reduce } from "../platform/choose";
import { emojiNamed, findEmoji } from "../platform/emoji";
import { ComposerViewModel } from "./composer";
import type { Drafts } from "./drafts";
import { matrixLink, ownLink } from "./links";
import type { Preferences } from "./preferences";
import { RoomSettings } from "./room_settings";
import { SelectionViewModel } from "./selection";
import { othersOf } from "./suggestions";
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
  /** How one had to leave; null while one is there, left by oneself or never was. */
  farewell: Farewell | null;
  /** A file that is looked at, as large as the screen. */
  viewing: { item: Looked; thread: string | null } | null;
  busy: boolean;
}

/** Somebody who had to leave. */
export type Left = Removed & { name: string };

/** A file, where it was said. */
export type Looked = Pick<Item, "eventId" | "sender" | "ts" | "content">;

/** How one came to a room. */
export interface Entrance {
  /** The message that one wants to see. */
  event: string | null;
  /** Servers by which one may come in. */
  via: string[];
  /** Only a thread of it is on the screen: the conversation is not opened, and so not read. */
  isThread: boolean;
}

/** A view model of a part of the room's page. */
export type MadeOfRoom<V, Given extends unknown[]> = new (
  matrix: SignedIn,
  conversation: SomeConversation,
  ...given: Given
) => V;

export class RoomViewModel extends ViewModel<State> {
  timeline: TimelineViewModel | null = null;
  /** As they were while one was there. */
  lastDetails: RoomDetails | null = null;
  composer: ComposerViewModel | null = null;
  readonly settings: RoomSettings;
  readonly selection: SelectionViewModel;
  private readonly conversation: SomeConversation;
  private entered: object | null = null;
  private isAsked = false;
  private threads = new Map<string, { timeline: TimelineViewModel; composer: ComposerViewModel }>();

  constructor(
    private readonly matrix: SignedIn,
    readonly id: string,
    private readonly drafts: Drafts,
    private readonly preferences: Preferences,
    private readonly go: { home: () => void; room: (id: string) => void; thread: (root: string) => void },
    private readonly at: Entrance = { event: null, via: [], isThread: false },
  ) {
    super({
      details: null,
      membership: "none",
      summary: null,
      typing: [],
      problem: null,
      changedIdentity: null,
      poll: false,
      farewell: null,
      viewing: null,
      busy: false,
    });
    this.conversation = matrix.conversation(id);
    this.selection = new SelectionViewModel(matrix, this.conversation);
    this.scope.owns(() => this.selection.close());
    this.settings = new RoomSettings(this.conversation, (action) => this.attempt(action));
    this.scope.owns(() => this.conversation.close());
    this.scope.owns(this.conversation.changed.listen(() => this.look()));
    this.scope.owns(matrix.rooms.changed.listen(() => this.look()));
    this.scope.owns(matrix.encryption.changed.listen(() => void this.lookIdentity()));
    this.look();
    void this.lookIdentity();
  }

  /** Makes the view model of a part of the room's page. */
  make<V, Given extends unknown[]>(Model: MadeOfRoom<V, Given>, ...given: Given): V {
    return new Model(this.matrix, this.conversation, ...given);
  }

  nameOf(id: string): string {
    return this.conversation.nameOf(id);
  }

  /** The markings that it may be raised to. */
  higherLevels(): Classification[] {
    return this.matrix.agency.higher(this.now.details?.level ?? null);
  }

  /** Whether the room lets one call all of it: give orders that ask for an answer, begin a playbook. */
  get mayOrder(): boolean {
    return this.conversation.orders.may();
  }

  get isThread(): boolean {
    return this.at.isThread;
  }

  private begin(): void {
    const { membership, summary } = this.now;
    if (this.at.isThread || this.timeline || membership !== "join") return;
    this.timeline = new TimelineViewModel(
      this.conversation,
      null,
      () => this.preferences.snapshot().privateReceipts,
      this.at.event,
      summary?.isUnread ?? false,
    );
    this.scope.owns(this.timeline.subscribe(() => this.enterThread()));
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

  /** What was looked for is in a thread: that is opened, there. */
  private enterThread(): void {
    const inThread = this.timeline?.snapshot().inThread ?? null;
    if (inThread === this.entered) return;
    this.entered = inThread;
    if (!inThread) return;
    void this.thread(inThread.root).timeline.jump(inThread.event);
    this.go.thread(inThread.root);
  }

  private newComposer(threadId: string | null, timeline: TimelineViewModel): ComposerViewModel {
    return new ComposerViewModel(
      {
        conversation: this.conversation,
        drafts: this.drafts,
        details: () => this.now.details,
        people: async () => othersOf(await this.conversation.members.list(), this.matrix.userId),
        callsAll: () => this.mayOrder,
        emoji: findEmoji,
        named: emojiNamed,
        choose,
        reduce,
        reducesImages: () => this.preferences.snapshot().reduceImages,
        reduceImages: (on) => this.preferences.choose({ reduceImages: on }),
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
    if (!this.conversation.exists || !summary) {
      this.set({ membership: "none", summary: null, details: null });
      return void this.lookBack();
    }
    this.set({
      farewell: null,
      summary,
      membership: summary.membership,
      details: this.conversation.details(),
      typing: this.conversation.typing(),
    });
    this.lastDetails = this.now.details;
    this.isAsked = false;
    this.begin();
  }

  /** Of a room that is at hand again and again; of another the server is asked once. */
  private async lookBack(): Promise<void> {
    if (this.isAsked && !this.conversation.exists) return;
    this.isAsked = true;
    const farewell = await this.conversation.farewell().catch(() => null);
    if (this.now.membership === "none") this.set({ farewell });
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

  private async attempt(action: () => Promise<unknown>): Promise<boolean> {
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
  readonly lookAt = (item: Looked, thread: string | null): void => this.set({ viewing: { item, thread } });
  readonly lookAway = (): void => this.set({ viewing: null });
  readonly openPoll = (poll: boolean): void => this.set({ poll });
  readonly join = (): Promise<boolean> => this.attempt(() => this.matrix.entry.join(this.id, this.at.via));
  readonly decline = async (): Promise<void> => {
    if (await this.attempt(() => this.matrix.entry.leave(this.id))) this.go.home();
  };
  readonly leave = async (): Promise<boolean> => {
    const left = await this.attempt(() => this.matrix.entry.leave(this.id));
    if (left) this.go.home();
    return left;
  };
  readonly knock = (reason: string): Promise<boolean> =>
    this.attempt(() => this.matrix.entry.knock(this.id, reason, this.at.via));
  /** How others come to a message: with this client, with any. */
  readonly linkTo = (item: Item, origin: string): { own: string; any: string } => {
    const linked = { room: this.id, event: item.eventId, via: this.conversation.members.servers() };
    return { own: ownLink(linked, origin), any: matrixLink(linked) };
  };
  readonly react = (item: Item, key: string): Promise<boolean> => {
    const mine = item.reactions.find((each) => each.key === key)?.mine;
    return this.attempt(() => (mine ? this.conversation.redact(mine, "") : this.conversation.react(item.eventId, key)));
  };
  readonly redact = (item: Item, reason: string): Promise<boolean> =>
    this.attempt(() => this.conversation.redact(item.eventId, reason));
  readonly vote = (item: Item, answer: string): Promise<boolean> =>
    this.attempt(() => this.conversation.polls.vote(item.eventId, [answer]));
  readonly endPoll = (item: Item, text: string): Promise<boolean> =>
    this.attempt(() => this.conversation.polls.end(item.eventId, text));
  readonly startPoll = (question: string, answers: string[], disclosed: boolean, thread: string | null): Promise<boolean> =>
    this.attempt(() => this.conversation.polls.start(question, answers, disclosed, thread));
  readonly retry = (item: Item): void => void this.conversation.retry(item.key);
  readonly discard = (item: Item): void => this.conversation.discard(item.key);
  readonly report = (item: Item, reason: string): Promise<boolean> =>
    this.attempt(() => this.conversation.report(item.eventId, reason));
  /** Its earlier forms, newest first. */
  readonly versions = (item: Item): Promise<Array<{ ts: number; body: string | null }>> =>
    this.conversation.history.versions(item.eventId);
  readonly markUnread = (): void => void this.matrix.reading.markUnread(this.id, true);
  readonly setFavourite = (favourite: boolean): Promise<boolean> =>
    this.attempt(() =>
      this.matrix.order.place(this.id, favourite ? { tag: "m.favourite", order: 0.5 } : { tag: null, order: null }),
    );
  readonly upgrade = (version: string): Promise<boolean> =>
    this.attempt(async () => this.go.room(await this.conversation.settings.upgrade(version)));
  /** Who had to leave, and what they could see. Null where it did not go well. */
  readonly closeToGuests = async (): Promise<Left[] | null> => {
    let left: Left[] | null = null;
    await this.attempt(async () => {
      const removed = await this.conversation.settings.closeToGuests();
      left = removed.map((each) => ({ ...each, name: this.matrix.people.of(null, each.user_id).name }));
    });
    return left;
  };
  /** Lets somebody in who asks to enter. */
  readonly letIn = (userId: string): Promise<boolean> => this.attempt(() => this.conversation.members.invite(userId));
  readonly goTo = (id: string): void => this.go.room(id);
  /** To the room that has taken the place of this one. */
  readonly goOn = async (successor: string): Promise<void> => this.go.room(await this.matrix.entry.join(successor));
}
