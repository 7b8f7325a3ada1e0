/**
 * Passkeys of this client's own, out of which the browser makes a key (WebAuthn, extension "prf"). They sign nobody in: the server has
 * never heard of them. A passkey belongs to the name of this page: another address of the same service has others.
 */

/** What is put to the authenticator, which answers the same for the same passkey, always. */
const QUESTION = new TextEncoder().encode("org.chappe.recovery 1");

/** Why there is no key: the person said no or it took too long, the authenticator makes none, or it holds one already. */
export type PasskeyProblem = "cancelled" | "cannot" | "already";

export class PasskeyError extends Error {
  constructor(readonly reason: PasskeyProblem) {
    super(reason);
  }
}

/** Where a passkey is: in this device, in another one that lends it (a phone), or in a card or a key of its own. */
export type PasskeyKind = "device" | "phone" | "card";

/** A passkey, and what it makes. Of both the server learns nothing but the id. */
export interface Answer {
  /** Base64url, as WebAuthn has it. */
  id: string;
  secret: Uint8Array<ArrayBuffer>;
}

export interface Passkeys {
  /** Whose passkeys they are: the name of this page. */
  readonly host: string;
  /** Whether this browser can make keys by passkeys at all. */
  isOffered(): Promise<boolean>;
  /** Makes a passkey for an account, beside those that it has, and tries it. */
  create(owner: { name: string; handle: Uint8Array<ArrayBuffer> }, known: string[]): Promise<Answer & { kind: PasskeyKind }>;
  /** Asks for one of some passkeys. */
  ask(ids: string[]): Promise<Answer>;
  /** Tells the authenticator, where it listens, that a passkey opens nothing any more. */
  forget(id: string): Promise<void>;
}

type Capable = typeof PublicKeyCredential & {
  getClientCapabilities?: () => Promise<Record<string, boolean>>;
  signalUnknownCredential?: (about: { rpId: string; credentialId: string }) => Promise<void>;
};

/** What the browser says; every known one has a name of letters, an address of figures can have no passkeys. */
const mayHave = (): boolean =>
  isSecureContext && typeof PublicKeyCredential === "function" && !/^[\d.]+$|:|^\[/.test(location.hostname);

export const passkeys: Passkeys = {
  get host() {
    return location.hostname;
  },

  async isOffered() {
    if (!mayHave()) return false;
    const asked = (PublicKeyCredential as Capable).getClientCapabilities;
    if (!asked) return true; // older than the question: it is found out by trying
    const able = await asked.call(PublicKeyCredential).catch((): Record<string, boolean> => ({}));
    return able["extension:prf"] !== false;
  },

  async create({ name, handle }, known) {
    const publicKey: PublicKeyCredentialCreationOptions = {
      challenge: crypto.getRandomValues(new Uint8Array(32)), // nobody checks an answer: what it opens is the proof
      rp: { id: location.hostname, name: location.hostname },
      user: { id: handle, name, displayName: name },
      pubKeyCredParams: [
        { type: "public-key", alg: -7 },
        { type: "public-key", alg: -257 },
      ],
      excludeCredentials: known.map(descriptor),
      // without the person's own gesture another key would be made (CTAP, "hmac-secret")
      authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
      attestation: "none",
      extensions: { prf: {} } as AuthenticationExtensionsClientInputs,
    };
    const made = (await reached(navigator.credentials.create({ publicKey }))) as PublicKeyCredential | null;
    if (!made) throw new PasskeyError("cancelled");
    if (extensionOf(made)?.enabled === false) {
      await this.forget(made.id);
      throw new PasskeyError("cannot");
    }
    return { ...(await this.ask([made.id])), kind: kindOf(made) };
  },

  async ask(ids) {
    const publicKey: PublicKeyCredentialRequestOptions = {
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      rpId: location.hostname,
      allowCredentials: ids.map(descriptor),
      userVerification: "required",
      extensions: { prf: { eval: { first: QUESTION } } } as AuthenticationExtensionsClientInputs,
    };
    const found = (await reached(navigator.credentials.get({ publicKey }))) as PublicKeyCredential | null;
    if (!found) throw new PasskeyError("cancelled");
    const first = extensionOf(found)?.results?.first;
    if (!first) throw new PasskeyError("cannot");
    return { id: found.id, secret: bytesOf(first) };
  },

  async forget(id) {
    const signal = (PublicKeyCredential as Capable).signalUnknownCredential;
    await signal?.call(PublicKeyCredential, { rpId: location.hostname, credentialId: id }).catch(() => {});
  },
};

interface Prf {
  enabled?: boolean;
  results?: { first?: BufferSource };
}

const extensionOf = (credential: PublicKeyCredential): Prf | undefined =>
  (credential.getClientExtensionResults() as { prf?: Prf }).prf;

const bytesOf = (given: BufferSource): Uint8Array<ArrayBuffer> =>
  ArrayBuffer.isView(given)
    ? new Uint8Array(given.buffer.slice(given.byteOffset, given.byteOffset + given.byteLength) as ArrayBuffer)
    : new Uint8Array(given.slice(0));

function kindOf(made: PublicKeyCredential): PasskeyKind {
  if (made.authenticatorAttachment === "platform") return "device";
  const ways = (made.response as AuthenticatorAttestationResponse).getTransports?.() ?? [];
  return ways.includes("hybrid") ? "phone" : "card";
}

const descriptor = (id: string): PublicKeyCredentialDescriptor => ({
  type: "public-key",
  id: Uint8Array.from(atob(id.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0)),
});

/** What the browser refuses, as one of our reasons. */
async function reached(asked: Promise<Credential | null>): Promise<Credential | null> {
  try {
    return await asked;
  } catch (error) {
    const { name } = error as DOMException;
    if (name === "InvalidStateError") throw new PasskeyError("already");
    if (name === "NotSupportedError" || name === "ConstraintError") throw new PasskeyError("cannot");
    if (name === "NotAllowedError" || name === "AbortError") throw new PasskeyError("cancelled");
    throw error;
  }
}
