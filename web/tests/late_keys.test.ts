import { EventEmitter } from "node:events";
import { type MatrixClient, MatrixEventEvent } from "matrix-js-sdk";
import { CryptoEvent, DecryptionFailureCode } from "matrix-js-sdk/lib/crypto-api";
import { expect, test } from "vitest";
import { LateKeys } from "../src/matrix/late_keys";
import { FakeClock } from "./fakes";

const clock = () => new FakeClock();

/** A device, and locked events of it that count how often their key was asked for. */
function device(by: FakeClock) {
  const client = Object.assign(new EventEmitter(), { getCrypto: () => ({}) });
  const late = new LateKeys(client as unknown as MatrixClient, by);
  const locked = (session: unknown, age = 0, reason: string = DecryptionFailureCode.HISTORICAL_MESSAGE_WORKING_BACKUP) => {
    const ts = by.now() - age;
    const event = {
      asked: 0,
      isOpen: false,
      decryptionFailureReason: reason,
      getWireContent: () => ({ session_id: session }),
      getTs: () => ts,
      getType: () => "m.room.message",
      getContent: () => ({}),
      replacingEvent: () => null,
      isRedacted: () => false,
      isBeingDecrypted: () => false,
      shouldAttemptDecryption: () => false,
      isDecryptionFailure: () => !event.isOpen,
      attemptDecryption: async () => {
        event.asked += 1;
        tell();
      },
    };
    const tell = (): void => void client.emit(MatrixEventEvent.Decrypted, event);
    return { event, tell };
  };
  return { client, late, locked };
}

test("a key that was not in the backup yet is asked for again, less and less often, and not for ever", async () => {
  const by = clock();
  const { event, tell } = { ...device(by).locked("session") };
  tell();
  tell(); // told twice, it is asked for once
  await by.pass(5_000);
  expect(event.asked).toBe(0);
  await by.pass(1_000);
  expect(event.asked).toBe(1);
  await by.pass(10_000);
  expect(event.asked).toBe(2);
  await by.pass(24 * 3_600_000);
  expect([event.asked, by.waiting]).toEqual([5, 0]);
});

test("one event asks for all of its session, and none once the key is here", async () => {
  const by = clock();
  const { locked } = device(by);
  const [first, second] = [locked("session"), locked("session")];
  first.tell();
  second.tell();
  await by.pass(6_000);
  expect([first.event.asked, second.event.asked]).toEqual([1, 0]);
  second.event.isOpen = true;
  second.tell();
  expect(by.waiting).toBe(0);
});

test("what was locked before this device could read the backup is asked for once it can", async () => {
  const by = clock();
  const { client, locked } = device(by);
  const { event, tell } = locked("session", 0, DecryptionFailureCode.HISTORICAL_MESSAGE_BACKUP_UNCONFIGURED);
  tell();
  expect(by.waiting).toBe(0);
  client.emit(CryptoEvent.KeyBackupDecryptionKeyCached);
  await by.pass(6_000);
  expect(event.asked).toBe(1);
});

test.each([
  ["older than an hour", "session", 3_600_000, undefined],
  ["without a session", 7, 0, undefined],
  ["withheld on purpose", "session", 0, DecryptionFailureCode.MEGOLM_KEY_WITHHELD],
])("what is %s is not asked for", (_what, session, age, reason) => {
  const by = clock();
  device(by).locked(session, age, reason).tell();
  expect(by.waiting).toBe(0);
});

test("not for more sessions than can be, nor after the end", () => {
  const by = clock();
  const { late, locked } = device(by);
  for (let n = 0; n < 300; n += 1) locked(`session ${n}`).tell();
  expect(by.waiting).toBe(200);
  late.stop();
  locked("another").tell();
  expect(by.waiting).toBe(0);
});
