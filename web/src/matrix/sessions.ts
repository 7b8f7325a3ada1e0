/** Where sessions come from, and where they end: this browser's store, the sign-in pages, the one tab that may run one. */

import { bringThere, hearOfPlaces, holdSession } from "../platform/one_tab";
import { forgetEverything } from "../platform/store";
import { type Configuration, loadConfiguration } from "./configuration";
import type { Ended } from "./ended";
import type { Words } from "./room_names";
import {
  finishSignIn,
  forgetSession,
  isWayBack,
  keepDevice,
  loadSession,
  revoke,
  type Session,
  signInByToken,
} from "./session";
import type { SignedIn } from "./signed_in";

const CONFIGURATION = "chappe.configuration";
const LATER = "chappe.confirm-later";

/** What this installation says of itself; what it said last where it cannot be asked. Null: never heard. */
async function configuration(): Promise<Configuration | null> {
  const found = await loadConfiguration().catch(() => null);
  if (found) localStorage.setItem(CONFIGURATION, JSON.stringify(found));
  return found ?? JSON.parse(localStorage.getItem(CONFIGURATION) ?? "null");
}

/** The session of the last visit. Where there is one the SDK is on its way at once. */
async function load(): Promise<Session | undefined> {
  const session = await loadSession();
  if (session) loadSdk().catch(() => {}); // `start` says what went wrong
  return session;
}

/** Whoever comes back from signing in needs the SDK too: it is read while the server is asked who they are. */
function finish(query: URLSearchParams): Promise<Session> {
  if (query.has("code")) loadSdk().catch(() => {});
  return finishSignIn(query);
}

async function loadSdk(): Promise<typeof import("./matrix")> {
  const sdk = await import("./matrix");
  void sdk.prepareEncryption();
  return sdk;
}

/** Opens an account. `ended`: the session is no more. */
async function start(session: Session, known: Configuration, ended: (why: Ended) => void, words: Words): Promise<SignedIn> {
  const { Matrix } = await loadSdk(); // nobody who only signs in waits for it
  return Matrix.start(session, known, ended, words);
}

/** Nothing of an account may stay in this browser. */
async function forget(): Promise<void> {
  await forgetSession().catch(() => {});
  await forgetEverything();
}

export const sessions = {
  configuration,
  load,
  isWayBack,
  finish,
  hold: holdSession,
  bringThere,
  hearOfPlaces,
  start,
  keepDevice,
  revoke,
  forget,
  signInByToken,
  /** To confirm this device was put off, for as long as this tab is open. */
  putOff: (): void => sessionStorage.setItem(LATER, "1"),
  wasPutOff: (): boolean => sessionStorage.getItem(LATER) !== null,
};

export type Sessions = typeof sessions;
