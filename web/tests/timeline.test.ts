import { createClient, MatrixEvent, PendingEventOrdering, Room, RoomEvent } from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger";
import { expect, test } from "vitest";
import type { People } from "../src/matrix/people";
import { Timeline } from "../src/matrix/timeline";

(logger as { setLevel?: (level: string) => void }).setLevel?.("silent");
const ME = "@me:here.example";
const ROOM = "!room:here.example";

const message = (id: string) => ({
  event_id: id,
  room_id: ROOM,
  type: "m.room.message",
  sender: "@anne:here.example",
  origin_server_ts: 1,
  content: { msgtype: "m.text", body: id },
});

/** A room whose newest messages are known. The server tells what is around an old one, when it is let. */
function room() {
  let answer = () => {};
  const told = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const client = createClient({
    baseUrl: "https://here.example",
    userId: ME,
    timelineSupport: true,
    fetchFn: async (url) => {
      if (!String(url).includes("/context/")) return Response.json({ chunk: [], end: null });
      await told;
      const around = { event: message("$old"), events_before: [message("$older")], events_after: [message("$next")] };
      return Response.json({ ...around, start: "before", end: "after", state: [] });
    },
  });
  const found = new Room(ROOM, client, ME, { timelineSupport: true, pendingEventOrdering: PendingEventOrdering.Detached });
  found.on(RoomEvent.Timeline, (...told) => client.emit(RoomEvent.Timeline, ...told));
  client.store.storeRoom(found);
  const comes = (id: string) => found.addLiveEvents([new MatrixEvent(message(id))], { addToState: false });
  comes("$newest");
  const people = { of: (_room: string | null, id: string) => ({ id, name: id }) } as unknown as People;
  const timeline = new Timeline(client, people, found, null, []);
  const shown = () => timeline.list().map((each) => each.eventId);
  const gap = async (isAll: boolean) => {
    found.resetLiveTimeline("back", isAll ? null : "forth");
    await comes("$after-the-gap");
  };
  return { timeline, shown, gap, answer };
}

for (const isAll of [false, true])
  for (const isOpening of [false, true])
    test(`whoever reads older messages stays there over a gap (all forgotten: ${isAll}, on the way: ${isOpening})`, async () => {
      const { timeline, shown, gap, answer } = room();
      if (!isOpening) answer();
      timeline.follows = false;
      const opened = timeline.open("$old");
      if (!isOpening) await opened;
      await gap(isAll);
      answer();
      await opened;
      await expect.poll(shown).toEqual(["$older", "$old", "$next"]);
      expect(timeline.hasNewer).toBe(true);
    });

test("whoever follows the newest goes on with the newest after a gap", async () => {
  const { timeline, shown, gap } = room();
  await timeline.open(null);
  expect(shown()).toEqual(["$newest"]);
  await gap(false);
  await expect.poll(shown).toEqual(["$after-the-gap"]);
});
