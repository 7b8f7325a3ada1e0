import {
  DecryptionSettings,
  DeviceId,
  EncryptionSettings,
  HistoryVisibility,
  initAsync,
  OlmMachine,
  RoomId,
  TrustRequirement,
  UserId,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import { beforeAll, expect, test } from "vitest";
import { bundleOf, type ExportedSession, note } from "../src/matrix/history_sharing";
import { cutSession, firstIndex, messageIndex } from "../src/matrix/megolm_session";

const ROOM = "!r:here.example";
const messages: Array<{ content: { session_id: string; ciphertext: string } }> = [];
let exported: ExportedSession;

/** A session of the library's own, with some messages in it. */
beforeAll(async () => {
  await initAsync();
  const anne = await OlmMachine.initialize(new UserId("@anne:here.example"), new DeviceId("A"));
  const settings = new EncryptionSettings();
  settings.historyVisibility = HistoryVisibility.Shared;
  settings.rotationPeriodMessages = 1000n; // else the session ends after a hundred
  await anne.shareRoomKey(new RoomId(ROOM), [], settings);
  for (let number = 0; number < 300; number++) {
    const content = JSON.parse(
      await anne.encryptRoomEvent(new RoomId(ROOM), "m.room.message", JSON.stringify({ body: `${number}` })),
    );
    if ([0, 1, 2, 127, 128, 255, 256, 257, 299].includes(number)) messages.push({ content });
  }
  [exported] = JSON.parse(await anne.exportRoomKeys(() => true));
}, 60_000);

test("the number of a message is read from it", () => {
  expect(messages.map(({ content }) => messageIndex(content.ciphertext))).toEqual([0, 1, 2, 127, 128, 255, 256, 257, 299]);
});

test.each([null, 7, "", "AAAA", "é".repeat(20), "A".repeat(40), "Awj/////////"])("what is no message has none: %o", (given) => {
  expect(messageIndex(given)).toBe(null);
});

test.each([1, 2, 128, 256, 257])("cut at message %i it opens that one and those after it, and none before", async (index) => {
  const session_key = (await cutSession(exported.session_key, index))!;
  expect(firstIndex(session_key)).toBe(index);
  const late = await OlmMachine.initialize(new UserId("@late:here.example"), new DeviceId("L"));
  await late.importExportedRoomKeys(JSON.stringify([{ ...exported, session_key }]), () => {});
  const opened: number[] = [];
  for (const { content } of messages) {
    const event = {
      type: "m.room.encrypted",
      event_id: `$${content.ciphertext.slice(0, 9)}`,
      room_id: ROOM,
      sender: "@anne:here.example",
      origin_server_ts: 1,
      content,
    };
    const found = await late
      .decryptRoomEvent(JSON.stringify(event), new RoomId(ROOM), new DecryptionSettings(TrustRequirement.Untrusted))
      .catch(() => null);
    if (found) opened.push(Number(JSON.parse(found.event).content.body));
  }
  expect(opened).toEqual([0, 1, 2, 127, 128, 255, 256, 257, 299].filter((each) => each >= index));
});

test("it is never moved back, nor on without end; what is no session stays none", async () => {
  const cut = (await cutSession(exported.session_key, 5))!;
  expect(await cutSession(cut, 3)).toBe(cut);
  expect(await cutSession(exported.session_key, 1_000_000_000)).toBe(null);
  expect(await cutSession(exported.session_key, Number.NaN)).toBe(null);
  for (const bad of ["", "AAAA", "é", `A${exported.session_key}`, exported.session_key.slice(1), "A".repeat(10_000_000)])
    expect([await cutSession(bad, 1), firstIndex(bad)]).toEqual([null, null]);
});

test("only what whoever made it agreed to, of this room, since the moment; the rest is withheld", async () => {
  const firsts = new Map<string, number>();
  const say = (session_id: string, at: number, origin_server_ts: unknown) =>
    note(firsts, { origin_server_ts, content: { ...messages[at].content, session_id } }, 1000);
  say("mine", 3, 2000);
  say("mine", 2, 1000);
  say("mine", 0, 999);
  say("private", 0, 2000);
  say("elsewhere", 0, 2000);
  say("undated", 0, "2000");
  note(firsts, { origin_server_ts: 2000, content: { session_id: "broken", ciphertext: "?" } }, 1000);
  note(firsts, { origin_server_ts: 2000 }, 1000);
  expect([...firsts]).toEqual([
    ["mine", 2],
    ["private", 0],
    ["elsewhere", 0],
  ]);
  const session = (session_id: string, given: Partial<ExportedSession> = {}): ExportedSession => ({
    ...exported, session_id, ...given,
  }); // biome-ignore format: one line
  const { room_keys, withheld } = await bundleOf(
    [
      session("mine"),
      session("private", { "m.shared_history": false }),
      session("elsewhere", { room_id: "!other:here.example" }),
      session("before"),
      session("undated"),
    ],
    ROOM,
    firsts,
  );
  expect(room_keys.map((each) => [each.session_id, firstIndex(each.session_key)])).toEqual([["mine", 2]]);
  expect(Object.keys(room_keys[0]).sort()).toEqual(
    ["algorithm", "room_id", "sender_claimed_keys", "sender_key", "session_id", "session_key"], // as the library's own
  );
  expect(withheld.map((each) => [each.session_id, each.code])).toEqual(
    ["private", "before", "undated"].map((each) => [each, "m.history_not_shared"]),
  );
});
