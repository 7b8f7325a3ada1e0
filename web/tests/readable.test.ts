import { EventType, MatrixEvent } from "matrix-js-sdk";
import { DecryptionError } from "matrix-js-sdk/lib/common-crypto/CryptoBackend";
import { DecryptionFailureCode } from "matrix-js-sdk/lib/crypto-api";
import { expect, test } from "vitest";
import { edited, original, readable } from "../src/matrix/readable";

const event = (given: object): MatrixEvent =>
  new MatrixEvent({ event_id: "$1", room_id: "!r", sender: "@anne:here.example", origin_server_ts: 1, ...given });
const said = (content: object): MatrixEvent => event({ type: EventType.RoomMessage, content });
const sealed = (): MatrixEvent => event({ type: EventType.RoomMessageEncrypted, content: { session_id: "s" } });

/** As the SDK leaves what it could not open. */
async function refused(code: DecryptionFailureCode): Promise<MatrixEvent> {
  const one = sealed();
  const decryptEvent = (): Promise<never> => Promise.reject(new DecryptionError(code, "why"));
  await one.attemptDecryption({ decryptEvent } as never);
  expect(one.getContent().body).toContain("** Unable to decrypt");
  return one;
}

test("what cannot be opened says why, for whatever reason, and nothing of its content is given", async () => {
  for (const code of Object.values(DecryptionFailureCode)) {
    const reading = readable(await refused(code));
    expect(reading.content).toBe(null);
    expect(reading.locked).not.toBe(null);
  }
  expect(readable(sealed())).toEqual({ locked: "waiting", content: null }); // nobody has tried yet
  expect(original(sealed())).toEqual({ locked: "waiting", content: null });
});

test("an edit that is locked leaves what was said", async () => {
  const one = said({ body: "avant" });
  one.makeReplaced(await refused(DecryptionFailureCode.MEGOLM_UNKNOWN_INBOUND_SESSION_ID));
  expect(readable(one).content).toEqual({ body: "avant" });
  one.makeReplaced(said({ "m.new_content": { body: "après" } }));
  expect([readable(one).content, original(one).content]).toEqual([{ body: "après" }, { body: "avant" }]);
});

test("an edit brings a content, or nothing", () => {
  for (const given of [undefined, null, 1, "text"]) expect(edited(said({ "m.new_content": given }))).toBe(null);
  expect(edited(said({ "m.new_content": { body: "après" } }))).toEqual({ body: "après" });
});
