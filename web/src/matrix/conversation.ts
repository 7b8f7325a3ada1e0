/** What is said in one room: reading, writing, answering. What else there is to do there stands beside it, a class for each. */

import {
  ClientEvent,
  EventStatus,
  EventType,
  type IContent,
  type MatrixClient,
  type MatrixEvent,
  MatrixEventEvent,
  RelationType,
  RoomEvent,
  RoomMemberEvent,
  RoomStateEvent,
} from "matrix-js-sdk";
import { Signal } from "../platform/signal";
import type { Agency } from "./agency";
import { farewell } from "./farewell";
import { type FileOutbox, OutgoingFiles } from "./file_outbox";
import { allowsFile } from "./file_types";
import { hear } from "./listening";
import { messageContent, sendable } from "./message_content";
import { hearOpened } from "./opened";
import { Orders } from "./orders";
import { unlessItWaits } from "./outbox";
import type { People } from "./people";
import { Place } from "./place";
import { Playbooks } from "./playbooks";
import { Polls } from "./polls";
import { readable } from "./readable";
import { detailsOf } from "./room_details";
import { RoomHistory } from "./room_history";
import { RoomPeople } from "./room_people";
import type { RoomReading } from "./room_reading";
import { RoomSettings } from "./room_settings";
import { Scheduled } from "./scheduled";
import { Timeline } from "./timeline";
import type { Farewell, Outgoing, RoomDetails } from "./types";

/** The content of a message, without what it belonged to and whom it named. */
export interface Copy {
  content: IContent;
}

export class Conversation {
  readonly changed = new Signal(30);
  readonly history: RoomHistory;
  readonly members: RoomPeople;
  readonly orders: Orders;
  readonly outgoing: OutgoingFiles;
  readonly playbooks: Playbooks;
  readonly polls: Polls;
  readonly scheduled: Scheduled;
  readonly settings: RoomSettings;
  private readonly place: Place;
  private readonly off: Array<() => void>;

  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
    private readonly reading: RoomReading,
    files: FileOutbox,
    private readonly agency: Agency,
    readonly id: string,
  ) {
    this.place = new Place(client, id);
    this.history = new RoomHistory(this.place, people);
    this.members = new RoomPeople(this.place, people);
    this.outgoing = new OutgoingFiles(files, id);
    this.orders = new Orders(this.place, people);
    this.playbooks = new Playbooks(this.place, people);
    this.polls = new Polls(this.place);
    this.scheduled = new Scheduled(this.place);
    this.settings = new RoomSettings(this.place, agency);
    const moved = (roomId: string | undefined): void => {
      if (roomId === id) this.changed.fire();
    };
    this.off = [
      hear(client, RoomStateEvent.Events, (event) => moved(event.getRoomId())),
      hear(client, RoomMemberEvent.Typing, (_event, member) => moved(member.roomId)),
      hear(client, RoomEvent.MyMembership, (room) => moved(room.roomId)),
      hear(client, RoomEvent.Name, (room) => moved(room.roomId)),
      hear(client, ClientEvent.AccountData, () => this.changed.fire()),
      hear(client, RoomEvent.Redaction, (event) => this.touched(event, event.getAssociatedId())),
      // of what is not loaded the SDK tells nobody that it was deleted
      hear(client, RoomEvent.Timeline, (event) => event.isRedaction() && this.touched(event, event.getAssociatedId())),
      hear(client, RoomEvent.TimelineReset, (room) => room?.roomId === id && this.history.doubt()),
      hear(client, MatrixEventEvent.Replaced, (event) => this.touched(event, event.getId())),
      hearOpened(client, (event) => this.touched(event, event.getId())),
    ];
  }

  close(): void {
    for (const each of this.off) each();
    this.playbooks.close();
  }

  private touched(event: MatrixEvent, id: string | undefined): void {
    if (id && event.getRoomId() === this.id && this.history.minds(id)) this.history.touch(id);
  }

  get exists(): boolean {
    return this.place.exists;
  }

  timeline(threadId: string | null = null): Timeline {
    return new Timeline(this.client, this.people, this.place.room, threadId, [this.orders.found, this.playbooks.found]);
  }

  details(): RoomDetails {
    return detailsOf(this.place, this.people, this.agency);
  }

  /** How this account had to leave. */
  farewell(): Promise<Farewell | null> {
    return farewell(this.client, this.people, this.id);
  }

  /** How somebody is called here: by the room, not by who writes about them. */
  nameOf(id: string): string {
    return this.people.of(this.place.room.getMember(id), id).name;
  }

  typing(): string[] {
    return this.place.room.currentState
      .getMembers()
      .filter((each) => each.typing && each.userId !== this.client.getUserId())
      .map((each) => this.people.of(each, each.userId).name);
  }

  // ------------------------------------------------------------------------------------------------------------ sending

  async send(message: Outgoing, threadId: string | null): Promise<void> {
    await unlessItWaits(this.client.sendMessage(this.id, threadId, messageContent(this.place.room, message, threadId)));
  }

  /** What was said here, to be said elsewhere. */
  copyOf(eventId: string): Copy {
    const event = this.place.room.findEventById(eventId);
    const content = event && readable(event).content;
    if (!content) throw new Error("not loaded, or locked");
    const { "m.relates_to": _belongsTo, ...said } = content;
    return { content: { ...said, "m.mentions": {} } };
  }

  /** Says here what was said elsewhere. */
  async forward({ content }: Copy): Promise<void> {
    const isFile = ["m.file", "m.image", "m.video", "m.audio"].includes(String(content.msgtype));
    if (isFile && !allowsFile(this.details().level, String(content.info?.mimetype ?? "")))
      throw Object.assign(new Error("not in a room of this level"), { errcode: "M_FORBIDDEN" });
    await this.client.sendMessage(this.id, null, sendable(content));
  }

  async react(eventId: string, key: string): Promise<void> {
    const relation = { rel_type: RelationType.Annotation, event_id: eventId, key } as const;
    await unlessItWaits(this.client.sendEvent(this.id, EventType.Reaction, { "m.relates_to": relation }));
  }

  async redact(eventId: string, reason: string): Promise<void> {
    await this.client.redactEvent(this.id, eventId, undefined, reason ? { reason } : undefined);
  }

  async report(eventId: string, reason: string): Promise<void> {
    await this.client.reportEvent(this.id, eventId, -100, reason);
  }

  /** Tries what was not sent again, in order. */
  async retry(key: string): Promise<void> {
    const { room } = this.place;
    const event = room.getPendingEvents().find((each) => each.getTxnId() === key);
    if (event?.status === EventStatus.NOT_SENT) await this.client.resendEvent(event, room);
  }

  discard(key: string): void {
    const event = this.place.room.getPendingEvents().find((each) => each.getTxnId() === key);
    if (event) this.client.cancelPendingEvent(event);
  }

  setTyping(typing: boolean): void {
    void this.client.sendTyping(this.id, typing, 20_000).catch(() => {});
  }

  async markRead(eventId: string, privately: boolean, threadId: string | null): Promise<void> {
    const event = this.place.room.findEventById(eventId);
    if (!event) return;
    if (threadId) await this.reading.readThread(event, privately);
    else await this.reading.readConversation(event, privately);
  }
}
