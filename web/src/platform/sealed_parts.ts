/** What devices of one person hand to each other: parts, made small, then sealed under a key of the person. */

const NAME = 8; // letters of a part's name that say which key it is sealed under

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

async function through(bytes: Uint8Array<ArrayBuffer>, way: GenericTransformStream): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes])
    .stream()
    .pipeThrough(way as TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>);
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export class PartSeal {
  private constructor(
    private readonly key: CryptoKey,
    /** With what the names of its parts begin. */
    readonly mark: string,
  ) {}

  /** `secret`: what all confirmed devices of the person hold. Its own keys are made of it, for nothing else. */
  static async of(secret: Uint8Array<ArrayBuffer>): Promise<PartSeal> {
    const root = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits", "deriveKey"]);
    const by = (info: string) => ({
      name: "HKDF",
      hash: "SHA-256",
      salt: new Uint8Array(),
      info: bytesOf(`org.chappe.index ${info}`),
    });
    const key = await crypto.subtle.deriveKey(by("key"), root, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const mark = new Uint8Array(await crypto.subtle.deriveBits(by("mark"), root, NAME * 4));
    return new PartSeal(key, Array.from(mark, (each) => each.toString(16).padStart(2, "0")).join(""));
  }

  newName(): string {
    return `${this.mark}-${crypto.randomUUID()}`;
  }

  /** Whether it can open a part of that name. */
  opens(name: string): boolean {
    return name.startsWith(`${this.mark}-`);
  }

  /** The name is sealed as well: no part passes for another. */
  async seal(name: string, content: unknown): Promise<Uint8Array<ArrayBuffer>> {
    const small = await through(bytesOf(JSON.stringify(content)), new CompressionStream("gzip"));
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const given = { name: "AES-GCM", iv, additionalData: bytesOf(name) };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(given, this.key, small));
    const whole = new Uint8Array(iv.length + sealed.length);
    whole.set(iv);
    whole.set(sealed, iv.length);
    return whole;
  }

  /** Throws for what was sealed otherwise. */
  async open(name: string, sealed: Uint8Array<ArrayBuffer>): Promise<unknown> {
    const given = { name: "AES-GCM", iv: sealed.slice(0, 12), additionalData: bytesOf(name) };
    const small = new Uint8Array(await crypto.subtle.decrypt(given, this.key, sealed.slice(12)));
    return JSON.parse(new TextDecoder().decode(await through(small, new DecompressionStream("gzip"))));
  }
}
