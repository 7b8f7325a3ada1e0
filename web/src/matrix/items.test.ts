import fc from "fast-check";
import { EventStatus, EventType, type MatrixClient, MatrixEvent, type Room } from "matrix-js-sdk";
import { expect, test } from "vitest";
import { fake, ME, person } from "../../tests/fakes";
import { Items } from "./items";
import type { People } from "./people";
import type { Content, Item } from "./types";

const ROOM = "!room:here.example";

/** Relations of events, as a room knows them. */
class Relations {
  readonly reactions = new Map<string, Map<string, Set<MatrixEvent>>>();

  react(to: string, key: string, event: MatrixEvent): void {
    const byKey = this.reactions.get(to) ?? new Map<string, Set<MatrixEvent>>();
    byKey.set(key, (byKey.get(key) ?? new Set()).add(event));
    this.reactions.set(to, byKey);
  }

  getChildEventsForEvent = (id: string) => ({ getSortedAnnotationsByKey: () => [...(this.reactions.get(id) ?? new Map())] });
}

function room() {
  const relations = new Relations();
  const known = fake<Room>({ getMember: () => null, findEventById: () => undefined, relations: relations as never });
  const people = fake<People>({ of: (_member, id) => person(id), person: (id, name) => person(id, name ?? null) });
  const client = fake<MatrixClient>({ getUserId: () => ME, getSafeUserId: () => ME });
  return { relations, known, items: new Items(client, people, known) };
}

let number = 0;
const said = (body: string, sender = ME, given: object = {}): MatrixEvent =>
  new MatrixEvent({
    event_id: `$${++number}`,
    room_id: ROOM,
    sender,
    type: EventType.RoomMessage,
    origin_server_ts: number,
    content: { msgtype: "m.text", body },
    ...given,
  });

const bodyOf = (content: Content | undefined): string | null => (content?.type === "text" ? content.body : null);

/** What may become of a message. */
const fates = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("edited" as const), body: fc.string({ minLength: 1, maxLength: 20 }) }),
    fc.record({
      type: fc.constant("reacted" as const),
      key: fc.constantFrom("👍", "🎉"),
      who: fc.constantFrom(ME, "@anne:a", "@bob:b"),
    }),
    fc.constant({ type: "taken back" as const }),
    fc.constant({ type: "redacted" as const }),
    fc.constant({ type: "nothing" as const }),
  ),
  { maxLength: 12 },
);

test("whatever becomes of a message, it is one item: its last words, its live reactions, or that it was deleted", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 20 }), fates, (first, all) => {
      const { relations, known, items } = room();
      const event = said(first);
      const id = event.getId()!;
      let body = first;
      let edited = false;
      let deleted = false;
      const live: Array<{ key: string; who: string; event: MatrixEvent }> = [];
      let before: Item = items.of(event, false, [])!;
      for (const each of all) {
        if (each.type === "edited" && !deleted) {
          const relates = { rel_type: "m.replace", event_id: id };
          const content = {
            msgtype: "m.text",
            body: `* ${each.body}`,
            "m.new_content": { msgtype: "m.text", body: each.body },
            "m.relates_to": relates,
          };
          const edit = said("", ME, { content });
          event.makeReplaced(edit);
          expect(items.of(edit, false, [])).toBe(null); // an edit is no message of its own
          [body, edited] = [each.body, true];
        } else if (each.type === "reacted" && !live.some(({ key, who }) => key === each.key && who === each.who)) {
          const reaction = said("", each.who, { type: EventType.Reaction });
          relations.react(id, each.key, reaction);
          live.push({ key: each.key, who: each.who, event: reaction });
        } else if (each.type === "taken back") {
          const last = live.pop();
          last?.event.makeRedacted(said("", last.who, { type: EventType.RoomRedaction }), known);
        } else if (each.type === "redacted" && !deleted) {
          event.makeRedacted(said("", "@anne:a", { type: EventType.RoomRedaction, content: { reason: "r" } }), known);
          deleted = true;
        }
        const item = items.of(event, false, [])!;
        expect(item.key).toBe(before.key);
        if (each.type === "nothing") expect(item).toBe(before); // not drawn again
        if (deleted) {
          expect(item).toMatchObject({
            content: { type: "deleted", by: "anne", reason: "r" },
            edited: false,
            reactions: [],
            reply: null,
          });
        } else {
          expect([bodyOf(item.content), item.edited]).toEqual([body, edited]);
          const counts = new Map<string, number>();
          for (const { key } of live) counts.set(key, (counts.get(key) ?? 0) + 1);
          expect(new Map(item.reactions.map((one) => [one.key, one.count]))).toEqual(counts);
          for (const one of item.reactions) {
            expect(one.mine !== null).toBe(live.some(({ key, who }) => key === one.key && who === ME));
          }
        }
        before = item;
      }
    }),
  );
});

test("from the first moment to the server's copy a message is the same item, and says how far it is", () => {
  const states = fc.constantFrom<[EventStatus, Item["state"]]>(
    [EventStatus.ENCRYPTING, "sending"],
    [EventStatus.SENDING, "sending"],
    [EventStatus.QUEUED, "queued"],
    [EventStatus.SENT, "sent"],
  );
  fc.assert(
    fc.property(fc.array(states, { maxLength: 6 }), (way) => {
      const { items } = room();
      const event = said("bonjour", ME, { event_id: `~${++number}` });
      event.setTxnId(`txn${number}`);
      for (const [status, state] of way) {
        event.setStatus(status);
        expect(items.of(event, false, [])).toMatchObject({ key: `txn${number}`, state, refusal: null });
      }
      event.handleRemoteEcho({ ...event.event, event_id: `$${number}`, unsigned: { transaction_id: `txn${number}` } });
      expect(items.of(event, false, [])).toMatchObject({ key: `txn${number}`, eventId: `$${number}`, state: "sent" });
    }),
  );
});

test("a message that somebody has read is the same object again while nothing of it has changed", () => {
  const { items } = room();
  const event = said("bonjour");
  const first = items.of(event, false, ["@anne:a"]);
  expect(items.shows(event)).toBe(true);
  expect(items.of(event, false, ["@anne:a"])).toBe(first);
  expect(items.of(event, false, [])).not.toBe(first);
});

test.each([
  ["the network is away", { name: "ConnectionError" }, "queued", null],
  ["the server asks for patience", { httpStatus: 429, errcode: "M_LIMIT_EXCEEDED" }, "queued", null],
  ["it is behind one that waits", null, "queued", null],
  ["it is refused", { httpStatus: 403, errcode: "M_FORBIDDEN" }, "failed", "error.M_FORBIDDEN"],
])("what was not sent because %s", (_name, error, state, key) => {
  const { items } = room();
  const event = said("bonjour");
  event.setStatus(EventStatus.NOT_SENT);
  event.error = error as never;
  const item = items.of(event, false, [])!;
  expect([item.state, item.refusal?.key ?? null]).toEqual([state, key]);
});

test.each<[string, unknown, string | null]>([
  ["all of it", { user_id: "@amara:b", since_ts: null }, "event.pastAll"],
  ["since a moment", { user_id: "@amara:b", since_ts: 1_764_000_000_000 }, "event.pastSince"],
  ["to nobody", { since_ts: null }, null],
  ["to what is no person", { user_id: "amara", since_ts: null }, null],
  ["to a very long name", { user_id: `@${"a".repeat(9000)}:b`, since_ts: null }, null],
  ["since what is no moment", { user_id: "@amara:b", since_ts: "soon" }, null],
  ["since the end of all time", { user_id: "@amara:b", since_ts: 9e15 }, null],
  ["since nothing that is said", { user_id: "@amara:b" }, null],
])("who opened what was said before is a line, where it says so: %s", (_what, content, key) => {
  const event = said("", "@sophie:a", { type: "org.chappe.history_shared", content });
  const item = room().items.of(event, false, []);
  expect(item?.content.type === "event" ? item.content.key : null).toBe(key);
  if (key) expect(item!.content).toMatchObject({ values: { who: "sophie", whom: "amara" } });
});
