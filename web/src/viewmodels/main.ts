/** What somebody who is signed in moves in: where they are, what is open over it. */

import type { SignedIn, SomeVerification } from "../matrix/signed_in";
import type { Shared } from "../platform/shared";
import { CreateRoomViewModel, type Kind } from "./create_room";
import type { Drafts } from "./drafts";
import { type Linked, readLink } from "./links";
import { Notifier, type Surroundings } from "./notifier";
import { OwnSections } from "./own_sections";
import type { Preferences } from "./preferences";
import { type Entrance, RoomViewModel } from "./room";
import { RoomActs } from "./room_acts";
import { RoomListViewModel } from "./room_list";
import { beside, isPanelOnly, type Panel, type Route, readRoute, type Surface, writeRoute } from "./route";
import { SavedViewModel } from "./saved";
import { type Ask, NOTHING } from "./search_ask";
import { SwitcherViewModel } from "./switcher";
import { ThreadsViewModel } from "./threads";
import { VerificationViewModel } from "./verification";
import { ViewModel } from "./view_model";

export type Dialog =
  | { name: "create"; model: CreateRoomViewModel }
  | { name: "switcher"; model: SwitcherViewModel }
  | { name: "verification"; model: VerificationViewModel };

interface State {
  route: Route;
  room: RoomViewModel | null;
  dialog: Dialog | null;
  /** Something that was done, said once. */
  notice: { key: string; values?: Record<string, string | number>; turn: number } | null;
  shared: Shared | null;
  /** How many times a room was opened, be it the one that was open. */
  arrivals: number;
  /** A verification that somebody asks for: it is opened by the person, never over what they are typing. */
  asked: { name: string; self: boolean } | null;
  /** Whether the account is read: until then there is the list of rooms as it was. */
  ready: boolean;
}

export class MainViewModel extends ViewModel<State> {
  readonly list: RoomListViewModel;
  readonly acts: RoomActs;
  readonly ownSections: OwnSections;
  readonly notifier: Notifier;
  readonly threads: ThreadsViewModel;
  readonly saved: SavedViewModel;
  /** The verification that was opened or put off last: it is not offered again. */
  private shown: SomeVerification | null = null;
  private waiting: SomeVerification | null = null;

  constructor(
    private readonly matrix: SignedIn,
    private readonly page: Surface & Surroundings,
    private readonly drafts: Drafts,
    private readonly preferences: Preferences,
    private readonly isShown: () => boolean,
  ) {
    super({
      route: readRoute(page.hash()),
      room: null,
      dialog: null,
      notice: null,
      shared: null,
      arrivals: 0,
      asked: null,
      ready: matrix.connection.value !== "starting",
    });
    this.list = new RoomListViewModel(matrix, drafts, (id) => this.openRoom(id));
    this.acts = new RoomActs(matrix, this.list, preferences, (id) => this.left(id));
    this.ownSections = new OwnSections(this.list, this.acts);
    this.notifier = new Notifier(
      matrix,
      preferences,
      page,
      this.list,
      () => (this.now.route.screen === "room" ? this.now.route.id : null),
      (id) => this.openRoom(id),
      this.say,
    );
    this.saved = new SavedViewModel(matrix, page, () => this.go({ screen: "saved" }));
    this.threads = new ThreadsViewModel(matrix, preferences);
    this.scope.owns(page.onHash((isLink) => (isLink ? this.land(readRoute(page.hash())) : this.look())));
    this.scope.owns(matrix.connection.listen((connection) => this.began(connection !== "starting")));
    this.scope.owns(matrix.encryption.changed.listen(() => this.lookForVerification()));
    this.scope.owns(() => this.now.room?.close());
    for (const each of [this.saved, this.threads, this.acts, this.list, this.notifier]) this.scope.owns(() => each.close());
  }

  private began(ready: boolean): void {
    if (!ready || this.now.ready) return;
    this.set({ ready });
    this.look();
  }

  // ---------------------------------------------------------------------------------------------------- places to go

  readonly go = (route: Route): void => {
    this.set({ dialog: null });
    this.page.setHash(writeRoute(route));
    this.look();
  };

  /** Where a link leads that is followed: to the same place each time. */
  private land(route: Route): void {
    this.set({ dialog: null });
    this.page.setHash(writeRoute(beside(this.now.route, route)), true);
    this.look();
  }

  /** Somebody has opened a link in another tab. */
  readonly arrive = (place: string): void => {
    this.go(beside(this.now.route, readRoute(place)));
    this.say("otherTab.came");
  };

  /** To the search with its filters. */
  readonly search = (ask: Partial<Ask>): void => this.go({ screen: "search", ask: { ...NOTHING, ...ask } });

  /** How a room or a person is called. */
  readonly nameOf = (id: string): string =>
    this.matrix.rooms.list().find((each) => each.id === id)?.name ?? this.matrix.people.of(null, id).name;

  /** Puts what is asked into the address, so that the way back leads there. */
  readonly keepAsked = (ask: Ask): void => {
    if (this.now.route.screen === "search") this.page.setHash(writeRoute({ screen: "search", ask }), true);
  };

  readonly openRoom = (id: string, event: string | null = null): void => {
    this.go(beside(this.now.route, { screen: "room", id, event, panel: null }));
    this.again();
  };

  /** Whoever opens the room that is open already wants to write in it, too. */
  readonly again = (): void => this.set({ arrivals: this.now.arrivals + 1 });

  /** Goes where a link leads, if that is a room or a message. */
  readonly follow = (href: string): boolean => {
    const linked = readLink(href, this.page.origin);
    if (linked) void this.openLinked(linked);
    return linked !== null;
  };

  private async openLinked({ room, event, via }: Linked): Promise<void> {
    const found = room.startsWith("#") ? await this.matrix.entry.resolve(room).catch(() => null) : { id: room, via };
    if (!found) return this.say("link.unknown");
    const isMember = this.matrix.rooms.list().some((each) => each.id === found.id);
    const by = isMember || !found.via.length ? {} : { via: found.via };
    this.go(beside(this.now.route, { screen: "room", id: found.id, event, panel: null, ...by }));
  }

  /** The address of this client, for links to it. */
  get origin(): string {
    return this.page.origin;
  }

  /** Whoever is in a room that is left from the list is at home then. */
  private left(id: string): void {
    const { route } = this.now;
    if (route.screen === "room" && route.id === id) this.go({ screen: "home" });
  }

  /** Opens a room with what was dropped on it, or shared with it, in its tray and its field. */
  readonly bring = (id: string, files: File[], text = ""): void => {
    this.openRoom(id);
    const { room } = this.now;
    const { composer } = room ?? {};
    if (!composer || !room?.snapshot().details?.may.send) return this.say("tray.readOnly");
    if (text) composer.insert(text, 0, 0);
    if (files.length) composer.tray.add(files);
  };

  /** Not the one that is open: whoever goes to the same address comes to its message again, and that may open the panel. */
  readonly openPanel = (panel: Panel | null): void => {
    const { route } = this.now;
    if (route.screen === "room" && isPanelOnly(route, { ...route, panel })) this.go({ ...route, panel });
    else if (route.screen === "threads" && route.room && panel) this.go({ screen: "room", id: route.room, event: null, panel }); // beside a thread there is no room for it
  };

  /** Keeps a message for later, or lets go of it; that is said. */
  readonly keep = async (roomId: string, eventId: string): Promise<void> => {
    const kept = await this.saved.keep(roomId, eventId);
    this.say(kept === null ? "saved.failed" : kept ? "saved.kept" : "saved.let");
  };

  readonly openThread = (room: string, thread: string): void => this.go({ screen: "threads", room, thread });

  /** Follows the page's address. A room is opened only where it is seen: what is open counts as read. */
  readonly look = (): void => {
    const { route: before } = this.now;
    const route = readRoute(this.page.hash());
    let { room } = this.now;
    const isThread = route.screen === "threads";
    const id = route.screen === "room" ? route.id : isThread ? route.room : null;
    const event = route.screen === "room" ? route.event : null;
    if (id === null) {
      room?.close();
      room = null;
    } else if (this.isShown() && this.now.ready) {
      if (room?.id !== id || room.isThread !== isThread) {
        room?.close();
        room = this.roomOf(id, { event, via: (route.screen === "room" && route.via) || [], isThread });
      } else if (event && !isPanelOnly(before, route)) void room.timeline?.jump(event);
    }
    this.threads.opened(isThread ? route.room : null, isThread ? route.thread : null);
    this.set({ route, room });
  };

  private roomOf(id: string, at: Entrance): RoomViewModel {
    const go = {
      home: () => this.go({ screen: "home" }),
      room: (next: string) => this.openRoom(next),
      thread: (root: string) => this.openPanel({ name: "thread", id: root }),
    };
    return new RoomViewModel(this.matrix, id, this.drafts, this.preferences, go, at);
  }

  // ----------------------------------------------------------------------------------------------- what is open over it

  readonly openCreate = (kind: Kind = "private"): void => {
    if (this.matrix.agency.rules?.me.is_guest) return;
    const model = new CreateRoomViewModel(this.matrix, (id) => this.openRoom(id), kind);
    this.set({ dialog: { name: "create", model } });
  };

  readonly openSwitcher = (): void => {
    const model = new SwitcherViewModel(this.matrix, {
      room: (id, event) => this.openRoom(id, event ?? null),
      search: (term) => this.search({ term }),
    });
    this.set({ dialog: { name: "switcher", model } });
  };

  private openVerification(verification: SomeVerification): void {
    this.shown = verification;
    this.wait(null);
    this.set({ dialog: { name: "verification", model: new VerificationViewModel(this.matrix, verification) } });
  }

  private wait(waiting: SomeVerification | null): void {
    if (waiting === this.waiting) return;
    this.waiting = waiting;
    this.set({ asked: waiting && { name: this.matrix.people.of(null, waiting.otherId).name, self: waiting.self } });
  }

  readonly openAsked = (): void => {
    if (this.waiting) this.openVerification(this.waiting);
  };

  /** Puts off what somebody asks for. They go on waiting; another device may answer. */
  readonly putOff = (): void => {
    this.shown = this.waiting;
    this.wait(null);
  };

  readonly closeDialog = (): void => {
    const { dialog } = this.now;
    if (dialog?.name === "verification") dialog.model.leave();
    this.set({ dialog: null });
  };

  private lookForVerification(): void {
    const { incoming } = this.matrix.encryption;
    if (!incoming) return this.wait(null);
    const { phase, mine, accepted } = incoming;
    this.wait(phase === "requested" && !mine && incoming !== this.shown ? incoming : null);
    // another device of the same person has answered, or the request was withdrawn
    const elsewhere = incoming === this.shown && !accepted && phase !== "requested";
    if (elsewhere && this.now.dialog?.name === "verification") this.set({ dialog: null });
  }

  readonly say = (key: string, values?: Record<string, string | number>): void =>
    this.set({ notice: { key, values, turn: (this.now.notice?.turn ?? 0) + 1 } });

  readonly offerShared = (shared: Shared): void => this.set({ shared, dialog: null });

  readonly dropShared = (): void => this.set({ shared: null });

  // ------------------------------------------------------------------------------------------------------------ people

  /** The room with one person. */
  readonly write = async (userId: string): Promise<void> => this.openRoom(await this.matrix.entry.direct(userId));

  readonly verifyPerson = async (userId: string): Promise<void> => {
    const room = await this.matrix.entry.direct(userId);
    this.openVerification(await this.matrix.encryption.verifyPerson(userId, room));
  };

  readonly verifyDevice = async (deviceId: string): Promise<void> =>
    this.openVerification(await this.matrix.encryption.verifyDevice(deviceId));
}
