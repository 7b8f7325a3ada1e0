import { resolveObjectURL } from "node:buffer";
import type { MatrixClient } from "matrix-js-sdk";
import { beforeEach, expect, test, vi } from "vitest";
import { Agency, type Rules } from "../src/matrix/agency";
import { Media, Stopped } from "../src/matrix/media";
import type { Attachment, EncryptedFile } from "../src/matrix/types";

const NOTE = "nothing but a note";
const VIRUS = "X-CHAPPE-TEST-VIRUS";
const URI = "mxc://here.example/one";
const IV = "AAAAAAAAAAAAAAAAAAAAAA";

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");

async function keyOf(number: number): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", new Uint8Array(32).fill(number), "AES-CTR", true, ["encrypt", "decrypt"]);
}

/** A description of `bytes` with one of the keys. */
async function described(bytes: Uint8Array<ArrayBuffer>, number: number, iv = IV): Promise<EncryptedFile> {
  const hash = unpadded(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  return { url: URI, key: await crypto.subtle.exportKey("jwk", await keyOf(number)), iv, hashes: { sha256: hash }, v: "v2" };
}

const attached = (source: string | EncryptedFile, thumbnail: string | EncryptedFile | null = null): Attachment => ({
  name: "note.png", mime: "image/png", size: 9, width: null, height: null, duration: null, waveform: null, caption: null, captionHtml: null, source, thumbnail,
}); // biome-ignore format: one line

let bytes: Uint8Array<ArrayBuffer>;
let asked: string[];

/** A server with one file, whose antivirus stops what decrypts to the virus by key 2, and the plain file "bad". */
async function answer(url: string, init?: RequestInit): Promise<Response> {
  if (!url.includes("/scan")) return new Response(bytes);
  const k = init?.body ? (JSON.parse(String(init.body)).file as EncryptedFile).key.k : url;
  asked.push(String(k));
  const bad = (await crypto.subtle.exportKey("jwk", await keyOf(2))).k;
  return k === bad || url.endsWith("/bad")
    ? Response.json({ clean: false, info: "Threat found: Test", reason: "MCS_MEDIA_NOT_CLEAN" }, { status: 403 })
    : Response.json({ clean: true, info: "" });
}

function media(antivirus: boolean): Media {
  const client = {
    getAccessToken: () => "token",
    mxcUrlToHttp: (uri: string) => `/download/${uri}`,
  } as unknown as MatrixClient;
  const agency = new Agency(client);
  agency.rules = { antivirus } as Rules;
  return new Media(client, agency);
}

beforeEach(async () => {
  asked = [];
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {}, removeItem: () => {} });
  vi.stubGlobal("fetch", answer);
  const counter = new Uint8Array(16);
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-CTR", counter, length: 64 },
    await keyOf(2),
    new TextEncoder().encode(VIRUS),
  );
  bytes = new Uint8Array(sealed);
});

const textAt = async (url: string): Promise<string> => (await resolveObjectURL(url)!.text()) as string;

test("the same bytes by another description are another file: the verdict on one says nothing of the other", async () => {
  const one = media(true);
  const harmless = attached(await described(bytes, 1));
  const virus = attached(await described(bytes, 2));
  expect(await one.verdict(harmless)).toBe(null);
  expect(await textAt(await one.url(harmless))).not.toBe(VIRUS);
  expect(await one.verdict(virus)).toBe("Threat found: Test");
  await expect(one.url(virus)).rejects.toThrow(Stopped);
  expect(asked.length).toBe(2); // each once
});

test("without an antivirus nobody is asked, and each description gives its own contents", async () => {
  const one = media(false);
  expect(await textAt(await one.url(attached(await described(bytes, 1))))).not.toBe(VIRUS);
  expect(await textAt(await one.url(attached(await described(bytes, 2))))).toBe(VIRUS);
  expect(asked).toEqual([]);
});

test.each(["plain", "encrypted"])("a thumbnail has a verdict of its own: %s", async (kind) => {
  const one = media(true);
  const thumbnail = kind === "plain" ? "mxc://here.example/bad" : await described(bytes, 2);
  const file = attached(await described(bytes, 1), thumbnail);
  expect(await one.verdict(file)).toBe(null);
  await expect(one.url(file, true)).rejects.toThrow(Stopped);
  expect(await one.small(file)).toBe(await one.url(file)); // the picture itself stands in
});

test("nothing of a file is given out before the antivirus has answered, and nothing where it cannot", async () => {
  vi.stubGlobal("fetch", async (url: string) =>
    url.includes("/scan") ? Response.json({}, { status: 502 }) : new Response(bytes),
  );
  const one = media(true);
  await expect(one.url(attached("mxc://here.example/good"))).rejects.toThrow("antivirus: 502");
  vi.stubGlobal("fetch", async (url: string) => (url.includes("/scan") ? Response.json({ clean: true }) : new Response(NOTE)));
  expect(await textAt(await one.url(attached("mxc://here.example/good")))).toBe(NOTE); // asked again
});

test("a counter that overflows is refused: an antivirus may read something else there", async () => {
  const counter = new Uint8Array(16).fill(255);
  await expect(media(false).url(attached(await described(bytes, 2, unpadded(counter))))).rejects.toThrow("overflows");
});
