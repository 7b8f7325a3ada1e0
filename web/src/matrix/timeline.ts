/** A part of a room's history, or of a thread, that grows at both ends. */

import {
  Direction,
  type EventTimelineSet,
  type MatrixClient,
  type MatrixEvent,
  MatrixEventEvent,
  NotificationCountType,
  type Room,
  RoomEvent,
  ThreadEvent,
  TimelineWindow,
} from "matrix-js-sdk";
import { Signal } from "../platform/signal";
import { idOf, senderOf } from "./event_facts";
import { Items } from "./items";
import { hear, hearOf } from "./listening";
import { fetched, hearOpened, open } from "./opened";
import type { People } from "./people";
import { seenBy } from "./readers";
import type { Item } from "./types";

const AT_ONCE = 50;
/** More than a screen needs, few enough that drawing them costs nothing. */
const WINDOW = 1200;
/** Members of a room where it is not shown who has read what. */
const MANY = 200;

export class Timeline {
  readonly changed = new Signal(16);
  private window: TimelineWindow;
  /** Whether one reads at the newest end: then the newest are shown after a gap, too. */
  follows = true;
  /** The event that was opened last; null: the newest. */
  private at: string | null = null;
  private opening: Promise<void> = Promise.resolve();
  private readonly items: Items;
  private readonly off: Array<() => void>;
  /** Where the unread messages began when this was opened; of a thread: once it is open. */
  readUpTo: string | null;

  constructor(
    private readonly client: MatrixClient,
    people: People,
    private readonly room: Room,
    private readonly threadId: string | null,
    /** What relates to messages was found elsewhere. */
    related: Signal[],
  ) {
    this.items = new Items(client, people, room);
    this.readUpTo = threadId ? null : room.getEventReadUpTo(client.getSafeUserId());
    this.window = new TimelineWindow(client, this.set(), { windowLimit: WINDOW });
    const mine = (event: MatrixEvent): void => {
      if (event.getRoomId() === room.roomId) this.changed.fire();
    };
    const any = (): void => this.changed.fire();
    this.off = [
      hear(client, RoomEvent.Timeline, (event, _room, toStart) => {
        if (event.getRoomId() === room.roomId && !toStart) this.follow();
      }),
      hearOpened(client, mine),
      hear(client, MatrixEventEvent.Replaced, mine),
      hear(client, RoomEvent.Redaction, mine),
      ...related.map((each) => each.listen(any)),
      hearOf(room, RoomEvent.LocalEchoUpdated, any),
      hearOf(room, RoomEvent.Receipt, any),
      hearOf(room, RoomEvent.UnreadNotifications, any),
      hearOf(room, RoomEvent.TimelineReset, (_room, _set, isAll) => this.reset(isAll)),
      hearOf(room, ThreadEvent.New, any),
      hearOf(room, ThreadEvent.Update, any),
      hearOf(room, ThreadEvent.NewReply, any),
    ];
  }

  /** Loads around an event, or the newest messages. */
  open(eventId: string | null): Promise<void> {
    this.at = eventId;
    this.opening = this.load(eventId);
    return this.opening;
  }

  private async load(eventId: string | null): Promise<void> {
    if (this.threadId) {
      await this.begin(this.threadId);
      this.readUpTo ??= this.room.getThread(this.threadId)?.getEventReadUpTo(this.client.getSafeUserId()) ?? null;
    }
    const window = new TimelineWindow(this.client, this.set(), { windowLimit: WINDOW });
    this.window = window;
    await window.load(eventId ?? undefined, AT_ONCE);
    if (this.window !== window) return this.opening; // opened anew meanwhile: it is open when that is
    this.readUpTo = this.shownUpTo(this.readUpTo);
    open(this.client, this.window.getEvents());
    this.changed.fire();
  }

  /**
   * After a gap the newest messages are another stretch than those before it. Whoever reads older ones goes on reading there, and
   * reaches the newest by going on. `isAll`: what was loaded is forgotten, and is loaded again.
   */
  private reset(isAll: boolean): void {
    if (this.follows || isAll) void this.open(this.follows ? null : this.at);
    else this.changed.fire();
  }

  /** The row of what was read last: reactions, edits and deletions are read too, and have none. */
  private shownUpTo(id: string | null): string | null {
    const events = this.window.getEvents();
    if (!id) return this.threadId ? this.beforeUnread(this.threadId, events) : null;
    const at = events.findIndex((each) => idOf(each) === id);
    const read = at < 0 ? this.room.findEventById(id) : undefined;
    if (at < 0 && !read) return id;
    const before = read ? events.filter((each) => each.getTs() <= read.getTs()) : events.slice(0, at + 1);
    const shown = before.findLast((each) => this.items.shows(each));
    return shown ? idOf(shown) : id;
  }

  /** Where what was read is gone, the server still knows how many replies were not. */
  private beforeUnread(thread: string, events: MatrixEvent[]): string | null {
    let left = this.room.getThreadUnreadNotificationCount(thread, NotificationCountType.Total);
    const me = this.client.getUserId();
    const shown = events.filter((each) => this.items.shows(each));
    if (!left) return null;
    let at = shown.length;
    while (left > 0 && at > 0) if (shown[--at].getSender() !== me) left--;
    return at > 0 ? idOf(shown[at - 1]) : null;
  }

  /** Whether there was something older. */
  async older(): Promise<boolean> {
    const more = await this.window.paginate(Direction.Backward, AT_ONCE);
    open(this.client, this.window.getEvents());
    this.changed.fire();
    return more;
  }

  async newer(): Promise<boolean> {
    const more = await this.window.paginate(Direction.Forward, AT_ONCE);
    open(this.client, this.window.getEvents());
    this.changed.fire();
    return more;
  }

  get hasOlder(): boolean {
    return this.window.canPaginate(Direction.Backward);
  }

  get hasNewer(): boolean {
    return this.window.canPaginate(Direction.Forward);
  }

  /** What there is to show, oldest first. */
  list(): Item[] {
    const events = this.window.getEvents();
    const receipts = this.receipts(events);
    const found: Item[] = [];
    const keys = new Set<string>();
    const all = this.hasNewer ? events : [...events, ...this.pending()];
    for (const event of all) {
      const item = this.items.of(event, this.threadId !== null, receipts.get(idOf(event)) ?? []);
      if (item && !keys.has(item.key)) {
        keys.add(item.key);
        found.push(item);
      }
    }
    return found;
  }

  /** The newest event of all, hidden ones too: what a receipt must name. */
  newest(): string | null {
    const events = this.set().getLiveTimeline().getEvents();
    for (let index = events.length - 1; index >= 0; index--) {
      const id = idOf(events[index]);
      // a thread has its replies in their order; edits and reactions come to it whenever they are found
      const isOrdered = !this.threadId || id === this.threadId || events[index].isRelation("m.thread");
      if (isOrdered && !id.startsWith("~")) return id;
    }
    return null;
  }

  close(): void {
    for (const each of this.off) each();
  }

  /** A thread without an answer is none for the SDK: what is said in it first would have no place. */
  private async begin(id: string): Promise<void> {
    if (this.room.getThread(id)) return;
    const root = this.room.findEventById(id) ?? (await fetched(this.client, this.room.roomId, id));
    if (!this.room.getThread(id)) this.room.createThread(id, root, root.status === null ? [root] : [], true);
  }

  private set(): EventTimelineSet {
    const thread = this.threadId ? this.room.getThread(this.threadId) : null;
    return thread?.timelineSet ?? this.room.getUnfilteredTimelineSet();
  }

  private pending(): MatrixEvent[] {
    return this.room.getPendingEvents().filter((each) => {
      const thread = each.threadRootId ?? null;
      return this.threadId ? thread === this.threadId : thread === null || each.isRelation("m.annotation");
    });
  }

  private follow(): void {
    if (!this.hasNewerLoaded()) this.window.extend(Direction.Forward, AT_ONCE);
    this.changed.fire();
  }

  private hasNewerLoaded(): boolean {
    const events = this.window.getEvents();
    return events.length > 0 && events.at(-1) === this.set().getLiveTimeline().getEvents().at(-1);
  }

  /** Who has read up to which of these events. In large rooms nobody asks. */
  private receipts(events: MatrixEvent[]): Map<string, string[]> {
    if (this.threadId || this.room.getJoinedMemberCount() > MANY) return new Map();
    const readable = events.map((event) => ({
      id: idOf(event),
      sender: senderOf(event),
      readers: this.room.getUsersReadUpTo(event),
      isShown: () => this.items.shows(event),
    }));
    return seenBy(readable, this.client.getUserId());
  }
}
