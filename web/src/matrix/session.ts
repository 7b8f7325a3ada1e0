/** Signing in by the OAuth 2.0 API of the specification, and the session that comes of it. Without the SDK: it loads fast. */

import { announceSignIn } from "../platform/own_sign_in";
import { type Sealed, seal, unseal } from "../platform/seal";
import { forget, forgetEverything, load, save } from "../platform/store";

export interface Session {
  userId: string;
  deviceId: string;
  accessToken: string;
  refreshToken: string | null;
  clientId: string;
  tokenEndpoint: string;
  revocationEndpoint: string;
  /** Of whoever holds a duty account by this session: the server ends this one with it, so it goes on until then, unused. */
  parent?: Session;
}

interface Metadata {
  authorization_endpoint: string;
  token_endpoint: string;
  registration_endpoint: string;
  revocation_endpoint: string;
  account_management_uri?: string;
}

interface Attempt {
  state: string;
  /** Where the tokens are: not asked for again on the way back. Attempts of an earlier version have to. */
  server?: Pick<Metadata, "token_endpoint" | "revocation_endpoint">;
  verifier: string;
  clientId: string;
  deviceId: string;
}

/** Whose device this is while nobody is signed in: what it has stored waits for the same person. */
interface Kept {
  userId: string;
  deviceId: string;
}

const SESSION = "session";
const KEPT = "device";
const CRYPTO_KEY = "crypto-key";
const ATTEMPT = "chappe.signing-in";

export class SignInError extends Error {
  constructor(readonly reason: "refused" | "expired" | "offline" | "other") {
    super(reason);
  }
}

/** The session of the last visit. One of an earlier version is not sealed yet: it is, the next time its tokens change. */
export async function loadSession(): Promise<Session | undefined> {
  const kept = await load<Session | Sealed>(SESSION);
  if (!kept || !("iv" in kept)) return kept;
  return JSON.parse(new TextDecoder().decode(await unseal(kept)));
}

export async function saveSession(session: Session): Promise<void> {
  await save(SESSION, await seal(new TextEncoder().encode(JSON.stringify(session))));
}

/** What the encryption's own store is sealed with. Stores of earlier versions have no key, and go on without. */
export async function cryptoStoreKey(): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const kept = await load<Sealed>(CRYPTO_KEY);
  return kept && unseal(kept);
}

async function makeCryptoStoreKey(): Promise<void> {
  if (await load(CRYPTO_KEY)) return; // the same device, signed in again
  await save(CRYPTO_KEY, await seal(crypto.getRandomValues(new Uint8Array(32))));
}
/** The tokens are worth nothing any more; the device, with its keys, waits for its person. */
export async function keepDevice(session: Session): Promise<void> {
  await save(KEPT, { userId: session.userId, deviceId: session.deviceId });
  await forgetSession();
}
export const forgetSession = (): Promise<void> => forget(SESSION);

export async function metadata(): Promise<Metadata> {
  const answer = await fetch("/_matrix/client/v1/auth_metadata");
  if (!answer.ok) throw new SignInError("other");
  return answer.json();
}

/** Where the browser must go for somebody to sign in (or, with `create`, to make an account). */
export async function beginSignIn(address: string, name: string, language: string, create = false): Promise<string> {
  const server = await metadata().catch(() => Promise.reject(new SignInError("offline")));
  const clientId = await register(server, name);
  const kept = await load<Kept>(KEPT).catch(() => undefined);
  const attempt: Attempt = {
    state: random(16),
    server: { token_endpoint: server.token_endpoint, revocation_endpoint: server.revocation_endpoint },
    verifier: random(32),
    clientId,
    deviceId: kept?.deviceId ?? deviceId(),
  };
  localStorage.setItem(ATTEMPT, JSON.stringify(attempt));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(attempt.verifier));
  const challenge = base64url(new Uint8Array(digest));
  announceSignIn(challenge);
  const query = new URLSearchParams({
    response_type: "code",
    response_mode: "query",
    client_id: clientId,
    redirect_uri: home(),
    scope: `urn:matrix:client:api:* urn:matrix:client:device:${attempt.deviceId} urn:chappe:console:*`,
    state: attempt.state,
    code_challenge: challenge,
    code_challenge_method: "S256",
    ui_locales: language,
  });
  if (address) query.set("login_hint", address);
  if (create) query.set("prompt", "create");
  return `${server.authorization_endpoint}?${query}`;
}

/** Whether the address that this page was opened with is the way back from signing in. */
export const isWayBack = (query: URLSearchParams): boolean => query.has("state") && (query.has("code") || query.has("error"));

export async function finishSignIn(query: URLSearchParams): Promise<Session> {
  const attempt = JSON.parse(localStorage.getItem(ATTEMPT) ?? "null") as Attempt | null;
  localStorage.removeItem(ATTEMPT);
  if (attempt === null || attempt.state !== query.get("state")) throw new SignInError("expired");
  if (query.has("error")) throw new SignInError(query.get("error") === "access_denied" ? "refused" : "other");
  const server = attempt.server ?? (await metadata());
  const tokens = await ask(server.token_endpoint, {
    grant_type: "authorization_code",
    code: query.get("code")!,
    redirect_uri: home(),
    client_id: attempt.clientId,
    code_verifier: attempt.verifier,
  });
  const who = await fetch("/_matrix/client/v3/account/whoami", {
    headers: { Authorization: `Bearer ${tokens.access_token}` },
  });
  if (!who.ok) throw new SignInError("other");
  const { user_id, device_id } = await who.json();
  const kept = await load<Kept>(KEPT).catch(() => undefined);
  if (kept && kept.userId !== user_id) await forgetEverything();
  else await forget(KEPT);
  if (!kept || kept.userId !== user_id) await makeCryptoStoreKey();
  const session: Session = {
    userId: user_id,
    deviceId: device_id ?? attempt.deviceId,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? null,
    clientId: attempt.clientId,
    tokenEndpoint: server.token_endpoint,
    revocationEndpoint: server.revocation_endpoint,
  };
  await saveSession(session);
  void nameDevice(session); // nobody waits for it
  return session;
}

/** Signs in with a token that the server has just given to `parent`, the present session, in its place. */
export async function signInByToken(token: string, parent: Session): Promise<Session> {
  const server = await metadata();
  const answer = await fetch("/_matrix/client/v3/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ type: "m.login.token", token }),
  });
  if (!answer.ok) throw new SignInError("expired");
  const { user_id, device_id, access_token } = await answer.json();
  await makeCryptoStoreKey();
  const session: Session = {
    userId: user_id,
    deviceId: device_id,
    accessToken: access_token,
    refreshToken: null,
    clientId: "",
    tokenEndpoint: server.token_endpoint,
    revocationEndpoint: server.revocation_endpoint,
    parent,
  };
  await saveSession(session);
  await nameDevice(session);
  return session;
}

/** Devices are told apart by browser and system; people may give them better names. */
async function nameDevice(session: Session): Promise<void> {
  const agent = navigator.userAgent;
  const browser = /Edg\//.test(agent)
    ? "Edge"
    : /Firefox\//.test(agent)
      ? "Firefox"
      : /Chrome\//.test(agent)
        ? "Chrome"
        : /Safari\//.test(agent)
          ? "Safari"
          : "Chappe";
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac", "Linux"].find((each) => agent.includes(each));
  await fetch(`/_matrix/client/v3/devices/${encodeURIComponent(session.deviceId)}`, {
    method: "PUT",
    headers: { Authorization: `Bearer ${session.accessToken}`, "Content-Type": "application/json" },
    body: JSON.stringify({ display_name: system ? `${browser} (${system})` : browser }),
  }).catch(() => {});
}

/** Ends the session, and that of the sign-in pages: on a shared computer the next person is asked for a password. */
export async function revoke(session: Session): Promise<void> {
  await endPages().catch(() => {});
  if (!session.clientId) {
    const headers = { Authorization: `Bearer ${session.accessToken}` };
    await fetch("/_matrix/client/v3/logout", { method: "POST", headers }).catch(() => {});
  } else {
    const token = session.refreshToken ?? session.accessToken; // the other one may be over
    await ask(session.revocationEndpoint, { token, client_id: session.clientId }).catch(() => {});
  }
  if (session.parent) await revoke(session.parent);
}

/** The pages take only forms that they made themselves: one of them gives its token. */
async function endPages(): Promise<void> {
  const page = await (await fetch("/account")).text();
  const token = /name="form_token" value="([^"]+)"/.exec(page)?.[1];
  if (token) await fetch("/logout", { method: "POST", body: new URLSearchParams({ form_token: token }) });
}

interface Tokens {
  access_token: string;
  refresh_token?: string;
  expires_in?: number;
}

async function ask(url: string, form: Record<string, string>): Promise<Tokens> {
  const answer = await fetch(url, { method: "POST", body: new URLSearchParams(form) });
  if (answer.status === 400 || answer.status === 401) throw new SignInError("expired");
  if (!answer.ok) throw new SignInError("other");
  const text = await answer.text();
  return text ? JSON.parse(text) : { access_token: "" };
}

async function register(server: Metadata, name: string): Promise<string> {
  const answer = await fetch(server.registration_endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      client_name: name,
      client_uri: home(),
      redirect_uris: [home()],
      application_type: "web",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    }),
  });
  if (!answer.ok) throw new SignInError("other");
  return (await answer.json()).client_id;
}

const home = (): string => `${location.origin}/`;
const random = (bytes: number): string => base64url(crypto.getRandomValues(new Uint8Array(bytes)));
const deviceId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(10))].map((n) => "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"[n % 32]).join("");
const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
