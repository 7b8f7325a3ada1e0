// A play for matrix-js-sdk with its Rust crypto: Alice and Bob write to each other in an encrypted room, verify each
// other by emoji, exchange an encrypted file; Alice signs in on a second device and reads the history from her backup.
//     node two_people.mjs http://127.0.0.1:PORT [http://127.0.0.1:PORT of Bob's server]
import { PASSWORD, base, elsewhere, login, register, say, until } from "./stage.mjs";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as sdk from "matrix-js-sdk";
import { VerificationPhase, VerifierEvent, VerificationRequestEvent, CryptoEvent } from "matrix-js-sdk/lib/crypto-api/index.js";

async function start(session, secrets = {}, where = base) {
    const client = sdk.createClient({
        baseUrl: where, userId: session.user_id, deviceId: session.device_id, accessToken: session.access_token,
        cryptoCallbacks: {
            getSecretStorageKey: async ({ keys }) => {
                for (const id of Object.keys(keys)) if (secrets[id]) return [id, secrets[id]];
                return null;
            },
            cacheSecretStorageKey: (id, _info, key) => { secrets[id] = key; },
        },
        verificationMethods: ["m.sas.v1"],
    });
    await client.initRustCrypto({ cryptoDatabasePrefix: session.device_id });
    await client.startClient({ initialSyncLimit: 20, pollTimeout: 10000 });
    await until("first sync", () => client.getSyncState() === "PREPARED" || client.getSyncState() === "SYNCING");
    return client;
}

const bodies = (client, room) => (client.getRoom(room)?.getLiveTimeline().getEvents() ?? [])
    .filter((e) => e.getType() === "m.room.message").map((e) => e.getContent().body);

async function authenticate(user, makeRequest) {
    return makeRequest(null).catch(async (error) => {
        if (error.httpStatus !== 401) throw error;
        return makeRequest({ type: "m.login.password", identifier: { type: "m.id.user", user }, password: PASSWORD, session: error.data.session });
    });
}

// ------------------------------------------------------------------------------------------------------ two people
const stamp = Date.now().toString(36);
const secrets = {};
const aliceSession = await register(`alice${stamp}`);
const bobSession = await register(`bob${stamp}`, elsewhere);
const alice = await start(aliceSession, secrets);
const bob = await start(bobSession, {}, elsewhere);
say("registered and synced");

async function bootstrap(client, session, recovery) {
    await client.getCrypto().userHasCrossSigningKeys(session.user_id, true);
    await client.getCrypto().bootstrapCrossSigning({
        authUploadDeviceSigningKeys: (makeRequest) => authenticate(session.user_id, makeRequest),
    });
    if (recovery) {
        await client.getCrypto().bootstrapSecretStorage({ createSecretStorageKey: async () => recovery, setupNewKeyBackup: true });
    }
}
const recovery = await alice.getCrypto().createRecoveryKeyFromPassphrase();
await bootstrap(alice, aliceSession, recovery);
await bootstrap(bob, bobSession, null);
assert.ok(await alice.getCrypto().isCrossSigningReady());
assert.ok(await alice.getCrypto().getActiveSessionBackupVersion());
say("cross-signing and key backup set up");

const { room_id: room } = await alice.createRoom({
    invite: [bobSession.user_id], preset: "trusted_private_chat", name: "Cabinet",
    initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
});
await until("invitation", () => bob.getRoom(room)?.getMyMembership() === "invite");
await bob.joinRoom(room);
await until("Bob in Alice's list", () => alice.getRoom(room)?.getMember(bobSession.user_id)?.membership === "join");
await until("encryption known", async () => await bob.getCrypto().isEncryptionEnabledInRoom(room));
await alice.sendTextMessage(room, "Bonjour Bob");
await until("Bob reads Alice", () => bodies(bob, room).includes("Bonjour Bob"));
await bob.sendTextMessage(room, "Bonjour Alice");
await until("Alice reads Bob", () => bodies(alice, room).includes("Bonjour Alice"));
for (const event of bob.getRoom(room).getLiveTimeline().getEvents()) {
    if (event.getContent().body === "Bonjour Bob") assert.ok(event.isEncrypted());
}
say("encrypted messages both ways");

// ------------------------------------------------------------------------------------------------ emoji verification
const incoming = new Promise((done) => bob.once(CryptoEvent.VerificationRequestReceived, done));
const asked = await alice.getCrypto().requestVerificationDM(bobSession.user_id, room);
const received = await incoming;
await received.accept();
await until("request ready", () => asked.phase === VerificationPhase.Ready);
const shown = {};
function follow(name, verifier) {
    verifier.on(VerifierEvent.ShowSas, (sas) => { shown[name] = sas; });
    const sas = verifier.getShowSasCallbacks();
    if (sas) shown[name] = sas;
    return verifier.verify();
}
const aliceVerifier = await asked.startVerification("m.sas.v1");
const aliceDone = follow("alice", aliceVerifier);
const bobVerifier = await until("Bob's verifier", () => received.verifier);
const bobDone = follow("bob", bobVerifier);
await until("emoji shown", () => shown.alice && shown.bob);
const emoji = (who) => shown[who].sas.emoji.map((e) => e[1]).join(" ");
assert.equal(emoji("alice"), emoji("bob"));
await Promise.all([shown.alice.confirm(), shown.bob.confirm()]);
await Promise.all([aliceDone, bobDone]);
await until("trust", async () => (await alice.getCrypto().getUserVerificationStatus(bobSession.user_id)).isCrossSigningVerified());
say(`verified by emoji: ${emoji("alice")}`);

// ---------------------------------------------------------------------------------------------------- encrypted file
const file = new Uint8Array(randomBytes(200_000));
const b64 = (bytes) => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
const key = await crypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
const iv = new Uint8Array(16);
crypto.getRandomValues(iv.subarray(0, 8));
const cipher = await crypto.subtle.encrypt({ name: "AES-CTR", counter: iv, length: 64 }, key, file);
const { content_uri: uri } = await alice.uploadContent(new Blob([cipher]), { type: "application/octet-stream", includeFilename: false });
const encryptedFile = {
    v: "v2", url: uri, key: await crypto.subtle.exportKey("jwk", key), iv: b64(iv),
    hashes: { sha256: b64(new Uint8Array(await crypto.subtle.digest("SHA-256", cipher))) },
};
await alice.sendMessage(room, { msgtype: "m.file", body: "décret.pdf", file: encryptedFile, info: { size: file.length } });
const message = await until("Bob sees the file", () => bob.getRoom(room).getLiveTimeline().getEvents()
    .find((e) => e.getContent().msgtype === "m.file"));
const received_file = message.getContent().file;
const url = bob.mxcUrlToHttp(received_file.url, undefined, undefined, undefined, false, true, true);
assert.equal((await fetch(url)).status, 401, "media must not be public");
const answer = await fetch(url, { headers: { Authorization: `Bearer ${bob.getAccessToken()}` } });
const bytes = new Uint8Array(await answer.arrayBuffer());
assert.equal(b64(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))), received_file.hashes.sha256);
const bobKey = await crypto.subtle.importKey("jwk", received_file.key, { name: "AES-CTR" }, false, ["decrypt"]);
const plain = await crypto.subtle.decrypt({ name: "AES-CTR", counter: Buffer.from(received_file.iv, "base64"), length: 64 }, bobKey, bytes);
assert.deepEqual(new Uint8Array(plain), file);
say("encrypted file exchanged");

// ------------------------------------------------------------------------------------- Alice's second device, history
await until("keys backed up", async () => {
    const backup = await fetch(`${base}/_matrix/client/v3/room_keys/version`, { headers: { Authorization: `Bearer ${alice.getAccessToken()}` } });
    return (await backup.json()).count >= 2;
}, 60);
const second = await start(await login(`alice${stamp}`, "Alice's second"), secrets);
await second.getCrypto().userHasCrossSigningKeys(aliceSession.user_id, true);
await second.getCrypto().bootstrapCrossSigning({});
await second.getCrypto().loadSessionBackupPrivateKeyFromSecretStorage();
const restored = await second.getCrypto().restoreKeyBackup({});
assert.ok(restored.imported >= 2, `only ${restored.imported} sessions restored`);
await until("old messages read", () => {
    const seen = bodies(second, room);
    return seen.includes("Bonjour Bob") && seen.includes("Bonjour Alice");
}, 60);
const status = await bob.getCrypto().getDeviceVerificationStatus(aliceSession.user_id, second.getDeviceId());
say(`second device reads the history; signed by its owner: ${status?.signedByOwner ?? "not yet known to Bob"}`);
await second.sendTextMessage(room, "De mon autre appareil");
await until("Bob reads the second device", () => bodies(bob, room).includes("De mon autre appareil"));
const later = await until("Bob knows the device", async () => {
    const s = await bob.getCrypto().getDeviceVerificationStatus(aliceSession.user_id, second.getDeviceId());
    return s?.signedByOwner && s;
});
assert.ok(later.crossSigningVerified);
for (const client of [alice, bob, second]) client.stopClient();
say("THE END");
process.exit(0);
