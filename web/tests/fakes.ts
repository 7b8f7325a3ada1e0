/** What stands in for the rest of the client in the tests of view models: interfaces of the matrix layer, a clock moved by hand. */

import { NO_FACTS } from "../src/matrix/directory_facts";
import type { SignedIn, SomeConversation, SomeEncryption, SomeTimeline, SomeVerification } from "../src/matrix/signed_in";
import type { Item, Person, RoomDetails, RoomSummary, ThreadSummary } from "../src/matrix/types";
import type { Clock } from "../src/platform/clock";
import { Signal } from "../src/platform/signal";
import { Source } from "../src/platform/stream";

/** Lets what was begun go as far as it can. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface Due {
  at: number;
  call: () => void;
  every: number | null;
}

export class FakeClock implements Clock {
  private readonly due = new Set<Due>();

  /** Sunday, 29 November 2026, noon in Greenwich. */
  constructor(private ts = Date.UTC(2026, 10, 29, 12)) {}

  now = (): number => this.ts;

  after = (ms: number, call: () => void): (() => void) => this.add({ at: this.ts + ms, call, every: null });

  every = (ms: number, call: () => void): (() => void) => this.add({ at: this.ts + ms, call, every: ms });

  /** How many things are due. */
  get waiting(): number {
    return this.due.size;
  }

  /** Lets time pass: what is due happens in its order, and what it sets off before the next. */
  async pass(ms: number): Promise<void> {
    const end = this.ts + ms;
    await settled();
    for (;;) {
      const next = [...this.due].filter((each) => each.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.ts = next.at;
      if (next.every === null) this.due.delete(next);
      else next.at += next.every;
      next.call();
      await settled();
    }
    this.ts = end;
  }

  private add(due: Due): () => void {
    this.due.add(due);
    return () => this.due.delete(due);
  }
}

const AT_ONCE: Clock = {
  now: () => 0,
  after: (_ms, call) => {
    call();
    return () => {};
  },
  every: () => () => {},
};

/** A signal that is heard at once. */
export const signal = (): Signal => new Signal(0, AT_ONCE);

/** Stands in for `T`. What was not given must not be asked for. */
export function fake<T extends object>(given: Partial<T>, name = "fake"): T {
  const get = (target: Partial<T>, key: string | symbol): unknown => {
    if (key in target || typeof key === "symbol" || key === "then") return Reflect.get(target, key);
    throw new Error(`${name}.${key} is not faked`);
  };
  const made = new Proxy(given, { get }) as T;
  whole.add(made);
  return made;
}

/** Fakes, which are not taken apart. */
const whole = new WeakSet<object>();

/** What the server refuses. */
export const refusal = (errcode: string, data: object = {}): Error =>
  Object.assign(new Error(errcode), { errcode, httpStatus: 403, data });

export const ME = "@me:here.example";

export const person = (id: string, name: string | null = null, avatar: string | null = null): Person => ({
  id,
  name: name ?? id.slice(1).split(":")[0],
  organisation: null,
  avatar,
  guest: false,
});

let numbers = 0;

/** A text message; of somebody else, sent, now. */
export function item(given: Partial<Item> = {}): Item {
  const id = given.eventId ?? `$${++numbers}`;
  return {
    key: id,
    eventId: id,
    sender: person(given.mine ? ME : "@anne:here.example"),
    mine: false,
    ts: Date.UTC(2026, 10, 29, 12),
    state: "sent",
    refusal: null,
    content: { type: "text", body: `message ${id}`, html: null, emote: false, notice: false },
    edited: false,
    mentionsMe: false,
    reactions: [],
    reply: null,
    thread: null,
    seenBy: [],
    givenBy: null,
    warning: null,
    link: null,
    ...given,
  };
}

export const summary = (given: Partial<RoomSummary> = {}): RoomSummary => ({
  id: "!room",
  name: "Salon",
  avatar: null,
  kind: "private",
  membership: "join",
  other: null,
  inviter: null,
  unread: 0,
  mentions: 0,
  isUnread: false,
  muted: false,
  told: "all",
  favourite: false,
  low: false,
  section: null,
  order: null,
  archived: false,
  spaces: [],
  ts: 0,
  last: null,
  typing: [],
  ...given,
});

export const details = (given: Partial<RoomDetails> = {}): RoomDetails => ({
  id: "!room",
  name: "Salon",
  topic: "",
  avatar: null,
  kind: "private",
  encrypted: true,
  members: 2,
  organisations: 1,
  other: null,
  joinRule: "invite",
  historyVisibility: "invited",
  version: "12",
  replacedBy: null,
  alias: null,
  myLevel: 0,
  may: {
    send: true,
    invite: true,
    kick: false,
    ban: false,
    redact: false,
    pin: false,
    settings: false,
    roles: false,
    upgrade: false,
    guests: false,
    classify: false,
  },
  pinned: [],
  notifications: "all",
  guests: false,
  level: null,
  keptDays: null,
  ...given,
});

/** A thread that one follows, all of it read. */
export const threadSummary = (given: Partial<ThreadSummary> = {}): ThreadSummary => ({
  roomId: "!room",
  id: "$root",
  room: "Salon",
  avatar: null,
  isDirect: false,
  root: { sender: "Anne", mine: false, text: "Au début", key: null },
  last: { sender: "Anne", mine: false, text: "À la fin", key: null },
  ts: 0,
  count: 1,
  unread: 0,
  mentions: 0,
  follows: true,
  ...given,
});

/** A timeline whose items a test puts there. */
export class FakeTimeline implements SomeTimeline {
  readonly changed = signal();
  follows = true;
  items: Item[] = [];
  hasOlder = false;
  hasNewer = false;
  readUpTo: string | null = null;
  opened: Array<string | null> = [];
  isClosed = false;
  /** What an end brings: whether there was something more. */
  grow: (end: "older" | "newer") => Promise<boolean> = async () => false;

  async open(event: string | null): Promise<void> {
    this.opened.push(event);
  }

  older = (): Promise<boolean> => this.grow("older");
  newer = (): Promise<boolean> => this.grow("newer");
  list = (): Item[] => [...this.items];
  newest = (): string | null => this.items.filter((each) => each.state === "sent").at(-1)?.eventId ?? null;

  close(): void {
    this.isClosed = true;
  }

  show(...items: Item[]): void {
    this.items = items;
    this.changed.fire();
  }
}

type Plain<T> = T extends (...given: never[]) => unknown ? T : T extends Signal ? T : T extends object ? Partial<T> : T;
type Parts<T> = { [K in keyof T]?: Plain<T[K]> };

/** The parts that were given, each as a fake that knows what it was given and no more. */
function parted<T extends object>(defaults: Parts<T>, given: Parts<T>, name: string): T {
  const parts = joined(defaults, given);
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(parts))) {
    if (isPart(value)) parts[key] = fake(value, `${name}.${key}`);
  }
  return fake(parts as Partial<T>, name);
}

/** Both, the second before the first; what is computed when it is asked for stays so. */
function joined(first: object, second: object): Record<string, unknown> {
  const both: Record<string, unknown> = Object.defineProperties({}, Object.getOwnPropertyDescriptors(first));
  for (const [key, described] of Object.entries(Object.getOwnPropertyDescriptors(second))) {
    const before = both[key];
    const joins = isPart(before) && isPart(described.value);
    if (joins) both[key] = joined(before, described.value);
    else Object.defineProperty(both, key, described);
  }
  return both;
}

const isPart = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !whole.has(value) && Object.getPrototypeOf(value) === Object.prototype;

export const conversation = (given: Parts<SomeConversation> = {}): SomeConversation =>
  parted<SomeConversation>(
    {
      id: "!room",
      exists: true,
      changed: signal(),
      details: () => details(),
      typing: () => [],
      timeline: () => new FakeTimeline(),
      nameOf: (id) => person(id).name,
      farewell: async () => null,
      close: () => {},
      markRead: async () => {},
      setTyping: () => {},
      members: { list: async () => [] },
      outgoing: { changed: signal(), list: () => [] },
      scheduled: { list: async () => [] },
      settings: {},
      orders: { may: () => false },
      playbooks: {
        changed: signal(),
        found: signal(),
        may: () => false,
        listen: () => {},
        open: () => [],
        look: async () => {},
        load: async () => {},
      },
      polls: {},
      history: { touched: signal(), mind: () => {} },
    },
    given,
    "conversation",
  );

export const encryption = (given: Parts<SomeEncryption> = {}): SomeEncryption =>
  parted<SomeEncryption>(
    {
      changed: signal(),
      state: "ready",
      incoming: null,
      trustOf: async () => "unknown",
      refresh: async () => {},
      recovery: { codeCreated: () => null, exists: async () => true, hasCode: () => true },
      passkeys: { changed: signal(), isFull: false, isOffered: async () => false, list: () => [] },
      devices: { list: async () => [], changed: signal() },
      backup: async () => ({ enabled: true, count: 0 }),
    },
    given,
    "encryption",
  );

/** An account that is signed in, online, with nothing in it. */
export const signedIn = (given: Parts<Omit<SignedIn, "encryption">> & { encryption?: SomeEncryption } = {}): SignedIn =>
  parted<SignedIn>(
    {
      userId: ME,
      deviceId: "DEVICE",
      connection: new Source<"starting" | "online" | "offline">("online"),
      barred: new Source<"locked" | "expired" | null>(null),
      accountDataChanged: signal(),
      people: {
        changed: signal(),
        nameIsFixed: false,
        me: () => person(ME),
        of: (_member, id) => person(id),
        person: (id, name, avatar) => person(id, name ?? null, avatar ?? null),
        find: async () => [],
        isIgnored: () => false,
        facts: async () => NO_FACTS,
        loadMe: async () => {},
        loadCapabilities: async () => {},
      },
      rooms: { changed: signal(), list: () => [], sharedWith: () => [], showKept: async () => {}, open: () => {} },
      order: { changed: signal(), chosen: () => null },
      reading: {},
      playbookModels: { changed: signal(), isLocked: false, list: () => [], begin: async () => {} },
      saved: { changed: signal(), touched: signal(), isLocked: false, list: () => [], begin: async () => {} },
      statuses: {
        changed: signal(),
        isOn: false,
        own: { state: "available", text: null, until: null, silent: false },
        begin: async () => {},
        of: () => null,
        isSilent: () => false,
      },
      threads: {
        changed: signal(),
        hasMore: false,
        list: () => [],
        begin: async () => {},
        look: async () => {},
      },
      open: async () => {},
      entry: {},
      directory: {},
      media: { limit: async () => null },
      agency: { rules: null, level: () => null, higher: () => [], load: async () => {} },
      console: { rights: async () => null },
      encryption: encryption(),
      index: {
        changed: signal(),
        count: 0,
        isBehind: false,
        start: async () => {},
        stop: async () => {},
        find: async () => ({ found: [], count: 0, senders: [], rooms: [] }),
      },
      notices: () => ({ listen: () => () => {} }),
      conversation: () => conversation(),
      retry: () => {},
      stop: () => {},
    },
    given as Parts<SignedIn>,
    "account",
  );

/** A verification that a test moves. */
export class FakeVerification implements SomeVerification {
  readonly changed = signal();
  phase: SomeVerification["phase"] = "requested";
  mine = false;
  self = true;
  otherId = ME;
  accepted = false;
  comparison: SomeVerification["comparison"] = null;
  qr: SomeVerification["qr"] = null;
  scanned: SomeVerification["scanned"] = null;
  readonly done: string[] = [];

  accept = async (): Promise<void> => void this.done.push("accept");
  compareEmoji = async (): Promise<void> => void this.done.push("compare");
  scan = async (): Promise<void> => void this.done.push("scan");
  cancel = async (): Promise<void> => void this.done.push("cancel");

  move(phase: SomeVerification["phase"]): void {
    this.phase = phase;
    this.changed.fire();
  }
}
