/** Files: fetched with authentication, decrypted and encrypted in the browser (specification: "Sending encrypted attachments"). */

import type { MatrixClient } from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { mayMove, still } from "../platform/still";
import type { Agency } from "./agency";
import type { Attachment, EncryptedFile } from "./types";

const KEPT = 400;
/** What may be shown in the page itself; everything else is only ever downloaded. */
const SHOWN =
  /^(image\/(png|jpe?g|gif|webp|avif|bmp)|video\/(mp4|webm|ogg|quicktime)|audio\/(mpeg|mp4|ogg|wav|webm|aac|flac|x-m4a|x-wav))$/;

/** A file that the antivirus has stopped. */
export class Stopped extends Error {
  readonly isStopped = true;
}

/** A file that a server does not give. */
class Refused extends Error {}

/** How long that is believed, in milliseconds. */
const REFUSED_FOR = 10 * 60_000;

/**
 * What tells one file from another. One address with another key is another file: whoever uploads chooses the keys, so that the
 * same bytes decrypt to something harmless by one description and to something else by the next.
 */
export const identityOf = (source: string | EncryptedFile): string =>
  typeof source === "string" ? source : JSON.stringify([source.url, source.key?.k, source.iv, source.hashes?.sha256]);

export class Media {
  private readonly urls = new Map<string, Promise<string>>();
  /** Those of them that may move by themselves. */
  private readonly moving = new Set<string>();
  private readonly verdicts = new Map<string, Promise<string | null>>();

  constructor(
    private readonly client: MatrixClient,
    private readonly agency: Agency,
  ) {}

  /** Whether a file is looked at by an antivirus before anybody sees it. */
  get isScanned(): boolean {
    return this.agency.rules?.antivirus ?? false;
  }

  /** Why the antivirus has stopped an attachment; null for a clean one. What stands for it on the screen is another file. */
  verdict(file: Attachment): Promise<string | null> {
    return this.verdictOf(file.source);
  }

  /** Asked once for each file. */
  private verdictOf(source: string | EncryptedFile): Promise<string | null> {
    const key = identityOf(source);
    let found = this.verdicts.get(key);
    if (!found) {
      found = this.agency.verdict(source);
      found.catch(() => this.verdicts.delete(key));
      this.verdicts.set(key, found);
    }
    return found;
  }

  /** An address that an <img> can show: a thumbnail of an unencrypted file. Kept until pushed out by others. */
  picture(mxc: string, size: number): Promise<string> {
    return this.kept(`${mxc} ${size}`, async () => {
      const http = this.client.mxcUrlToHttp(mxc, size, size, "crop", false, true, true);
      return URL.createObjectURL(await still(await this.fetch(http)));
    });
  }

  /** An address of a whole attachment, or of its thumbnail where it has one and `small` asks for it. */
  url(file: Attachment, small = false): Promise<string> {
    const source = (small ? file.thumbnail : null) ?? file.source;
    return this.kept(`file ${identityOf(source)} ${file.mime}`, async () => {
      const bytes = await this.read(source, file.mime);
      if (mayMove(new Uint8Array(await bytes.arrayBuffer()))) this.moving.add(identityOf(source));
      return URL.createObjectURL(bytes);
    });
  }

  /** The thumbnail of a picture; the picture itself where there is none, or none that may be shown. It stands still. */
  small(file: Attachment): Promise<string> {
    return file.thumbnail ? this.shown(file, true).catch(() => this.shown(file)) : this.shown(file);
  }

  private async shown(file: Attachment, small = false): Promise<string> {
    const source = (small ? file.thumbnail : null) ?? file.source;
    const address = await this.url(file, small);
    if (!this.moving.has(identityOf(source))) return address;
    return this.kept(`still ${identityOf(source)} ${file.mime}`, async () =>
      URL.createObjectURL(await still(await this.read(source, file.mime))),
    );
  }

  /** What is in an attachment, to be looked at on this device. */
  async bytes(file: Attachment): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await (await this.read(file.source, file.mime)).arrayBuffer());
  }

  /** The only way to the bytes of an attachment. Throws Stopped for what the antivirus has not found clean. */
  private async read(source: string | EncryptedFile, mime: string): Promise<Blob> {
    if (this.isScanned) {
      const why = await this.verdictOf(source);
      if (why !== null) throw new Stopped(why);
    }
    const type = SHOWN.test(mime) ? mime : "application/octet-stream";
    const http = this.client.mxcUrlToHttp(
      typeof source === "string" ? source : source.url,
      undefined,
      undefined,
      undefined,
      false,
      true,
      true,
    );
    const bytes = await this.fetch(http);
    if (typeof source === "string") return new Blob([bytes], { type });
    return new Blob([await decrypt(await bytes.arrayBuffer(), source)], { type });
  }

  /** Uploads a file as a room needs it. Throws AbortError when `signal` says so. */
  async upload(
    file: Blob,
    encrypted: boolean,
    progress?: (sent: number, of: number) => void,
    signal?: AbortSignal,
  ): Promise<string | EncryptedFile> {
    const sealed = encrypted ? await encrypt(await file.arrayBuffer()) : null;
    const abortController = new AbortController();
    signal?.addEventListener("abort", () => abortController.abort());
    const { content_uri } = await this.client.uploadContent(sealed ? new Blob([sealed.bytes]) : file, {
      progressHandler: ({ loaded, total }) => progress?.(loaded, total),
      abortController,
      includeFilename: false,
      type: sealed ? "application/octet-stream" : file.type || "application/octet-stream",
    });
    return sealed ? { ...sealed.info, url: content_uri } : content_uri;
  }

  /** How large a file may be, in bytes; null where the server does not say. */
  async limit(): Promise<number | null> {
    const config = await this.client.getMediaConfig(true).catch(() => null);
    return config?.["m.upload.size"] ?? null;
  }

  async preview(url: string, ts: number): Promise<{ title: string; text: string; image: string | null } | null> {
    const found = await this.client.getUrlPreview(url, ts).catch(() => null);
    const title = found?.["og:title"];
    if (typeof title !== "string" || !title) return null;
    const text = found?.["og:description"];
    const image = found?.["og:image"];
    return {
      title,
      text: typeof text === "string" ? text : "",
      image: typeof image === "string" && image.startsWith("mxc:") ? image : null,
    };
  }

  private kept(key: string, make: () => Promise<string>): Promise<string> {
    const found = this.urls.get(key);
    if (found) {
      this.urls.delete(key);
      this.urls.set(key, found);
      return found;
    }
    const made = make();
    const forget = (): void => {
      if (this.urls.get(key) === made) this.urls.delete(key);
    };
    // what a server has refused is not asked for again at each look; what no server was asked for is
    made.catch((error) => (error instanceof Refused ? clock.after(REFUSED_FOR, forget) : forget()));
    this.urls.set(key, made);
    if (this.urls.size > KEPT) {
      const [oldest, url] = this.urls.entries().next().value!;
      this.urls.delete(oldest);
      url.then((each) => clock.after(60_000, () => URL.revokeObjectURL(each))).catch(() => {});
    }
    return made;
  }

  private async fetch(url: string | null): Promise<Blob> {
    if (url === null) throw new Error("not a file of a server");
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${this.client.getAccessToken()}` } });
    if (!answer.ok) throw new Refused(`file: ${answer.status}`);
    return answer.blob();
  }
}

async function decrypt(sealed: ArrayBuffer, file: EncryptedFile): Promise<ArrayBuffer> {
  if (base64(new Uint8Array(await crypto.subtle.digest("SHA-256", sealed))) !== file.hashes?.sha256?.replace(/=+$/, "")) {
    throw new Error("the file was changed on its way");
  }
  const counter = unbase64(file.iv);
  // the specification does not say whether its lower half carries into the upper one: where it would, an antivirus may read
  // something else than is read here
  const blocks = BigInt(Math.ceil(sealed.byteLength / 16));
  if (new DataView(counter.buffer).getBigUint64(8) + blocks > 1n << 64n) throw new Error("the file's counter overflows");
  const key = await crypto.subtle.importKey("jwk", file.key, "AES-CTR", false, ["decrypt"]);
  return crypto.subtle.decrypt({ name: "AES-CTR", counter, length: 64 }, key, sealed);
}

async function encrypt(plain: ArrayBuffer): Promise<{ bytes: ArrayBuffer; info: Omit<EncryptedFile, "url"> }> {
  const counter = new Uint8Array(16);
  crypto.getRandomValues(counter.subarray(0, 8)); // the lower half counts from 0
  const key = await crypto.subtle.generateKey({ name: "AES-CTR", length: 256 }, true, ["encrypt", "decrypt"]);
  const bytes = await crypto.subtle.encrypt({ name: "AES-CTR", counter, length: 64 }, key, plain);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const jwk = await crypto.subtle.exportKey("jwk", key);
  return { bytes, info: { v: "v2", key: jwk, iv: base64(counter), hashes: { sha256: base64(hash) } } };
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
const unbase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
