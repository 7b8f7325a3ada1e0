import { describe, expect, test } from "vitest";
import { FakeClock, settled, signal, signedIn, threadSummary } from "../../tests/fakes";
import type { Connection, ThreadSummary } from "../matrix/types";
import { Source } from "../platform/stream";
import { Preferences } from "./preferences";
import { ThreadsViewModel } from "./threads";

function opened(threads: ThreadSummary[], connection: Connection = "online") {
  const clock = new FakeClock();
  const changed = signal();
  const state = { threads, more: false };
  const done: string[] = [];
  const online = new Source<Connection>(connection);
  const matrix = signedIn({
    connection: online,
    threads: {
      changed,
      get hasMore() {
        return state.more;
      },
      list: () => [...state.threads],
      begin: async () => void done.push("begin"),
      look: async () => void done.push("look"),
      more: async () => {
        done.push("more");
        throw new Error("offline");
      },
      markRead: async (roomId, id, privately) => void done.push(`${roomId} ${id} ${privately}`),
    },
  });
  const model = new ThreadsViewModel(matrix, new Preferences({ getItem: () => null, setItem: () => {} }, "fr"), clock);
  const show = (...next: ThreadSummary[]): void => {
    state.threads = next;
    changed.fire();
  };
  const ids = (): [unread: string[], read: string[]] => {
    const { unread, read } = model.snapshot();
    return [unread.map((each) => each.id), read.map((each) => each.id)];
  };
  return { model, clock, show, done, state, ids, online };
}

const thread = threadSummary;

describe("the list", () => {
  test("unread ones first, each part by its last reply; only what is followed counts", () => {
    const { model, ids } = opened([
      thread({ id: "$old", ts: 1 }),
      thread({ id: "$new", ts: 2, unread: 1 }),
      thread({ id: "$newer", ts: 3, unread: 4 }),
      thread({ id: "$other", ts: 9, unread: 7, follows: false }),
    ]);
    expect(ids()).toEqual([["$newer", "$new"], ["$old"]]);
    expect(model.snapshot().count).toBe(2);
    model.filter("all");
    expect(ids()).toEqual([["$other", "$newer", "$new"], ["$old"]]);
    expect(model.snapshot().count).toBe(2);
    model.filter("unread");
    expect(ids()).toEqual([["$newer", "$new"], []]);
  });

  test("what is followed is learned once there is a network; the rest when it is shown", async () => {
    const { model, done, online, state } = opened([], "starting");
    expect(done).toEqual([]);
    online.set("online");
    online.set("offline");
    online.set("online");
    expect(done).toEqual(["begin"]);
    state.more = true;
    await model.show();
    expect(done).toEqual(["begin", "look"]);
    expect(model.snapshot()).toMatchObject({ loading: false, more: true });
    await model.more(); // fails: it can be asked for again
    expect(model.snapshot()).toMatchObject({ loading: false, more: true });
  });
});

describe("reading", () => {
  test("the one that is open keeps its place while it is read, and leaves it after", () => {
    const one = thread({ id: "$1", ts: 1, unread: 2 });
    const two = thread({ id: "$2", ts: 2, unread: 1 });
    const { model, show, ids } = opened([one, two]);
    model.opened("!room", "$1");
    show({ ...one, unread: 0 }, two);
    expect(ids()).toEqual([["$2", "$1"], []]);
    expect(model.snapshot().unread[1].unread).toBe(0);
    model.opened("!room", "$2");
    expect(ids()).toEqual([["$2"], ["$1"]]);
  });

  test("from one unread thread to the next", () => {
    const { model } = opened(["$1", "$2", "$3"].map((id, at) => thread({ id, ts: 9 - at, unread: 1 })));
    const goes = (by: 1 | -1): string | undefined => model.next(by)?.id;
    expect([goes(1), goes(-1)]).toEqual(["$1", "$3"]);
    model.opened("!room", "$2");
    expect([goes(1), goes(-1)]).toEqual(["$3", "$1"]);
    model.opened("!room", "$3");
    expect(goes(1)).toBeUndefined();
  });

  test("all of it is read after eight seconds in which it can be taken back", async () => {
    const one = thread({ id: "$1", ts: 1, unread: 2 });
    const { model, clock, done, ids, show } = opened([one, thread({ id: "$2", unread: 1, follows: false })]);
    model.markAllRead();
    expect(ids()).toEqual([[], ["$1"]]);
    expect(model.snapshot()).toMatchObject({ count: 0, undo: 1 });
    model.undo();
    expect(ids()).toEqual([["$1"], []]);
    await clock.pass(10_000);
    expect(done).toEqual(["begin"]);
    model.markAllRead();
    await clock.pass(7_999);
    expect(done).toEqual(["begin"]);
    await clock.pass(1);
    expect(done).toEqual(["begin", "!room $1 false"]);
    expect(model.snapshot().undo).toBeNull();
    show({ ...one, ts: 5, unread: 1 }); // what comes after is new
    expect(ids()[0]).toEqual(["$1"]);
  });

  test("leaving does not forget what was read", async () => {
    const { model, done } = opened([thread({ id: "$1", unread: 2 })]);
    model.markAllRead();
    model.close();
    await settled();
    expect(done).toEqual(["begin", "!room $1 false"]);
  });
});
