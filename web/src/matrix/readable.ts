/** What this device can read of an event. Nobody else asks the SDK for it: of what it could not open, it gives a text of its own. */

import { EventType, type IContent, type MatrixEvent } from "matrix-js-sdk";
import { DecryptionFailureCode } from "matrix-js-sdk/lib/crypto-api";
import type { LockedReason } from "./types";

export type Reading = { locked: null; content: IContent } | { locked: LockedReason; content: null };

const FAILURES: Partial<Record<DecryptionFailureCode, LockedReason>> = {
  [DecryptionFailureCode.MEGOLM_UNKNOWN_INBOUND_SESSION_ID]: "waiting",
  [DecryptionFailureCode.OLM_UNKNOWN_MESSAGE_INDEX]: "waiting",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_NO_KEY_BACKUP]: "no-backup",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_BACKUP_UNCONFIGURED]: "verify",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_WORKING_BACKUP]: "waiting",
  [DecryptionFailureCode.HISTORICAL_MESSAGE_USER_NOT_JOINED]: "before-join",
  [DecryptionFailureCode.MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE]: "verify",
  [DecryptionFailureCode.MEGOLM_KEY_WITHHELD]: "withheld",
  [DecryptionFailureCode.SENDER_IDENTITY_PREVIOUSLY_VERIFIED]: "identity-changed",
  [DecryptionFailureCode.UNSIGNED_SENDER_DEVICE]: "sender-device",
  [DecryptionFailureCode.UNKNOWN_SENDER_DEVICE]: "sender-device",
};

/** The content of an event, as its latest edit has it; or why it is locked. An edit that is locked changes nothing. */
export function readable(event: MatrixEvent): Reading {
  const edit = event.replacingEvent();
  if (edit && lockOf(edit)) return original(event);
  const locked = lockOf(event);
  return locked ? { locked, content: null } : { locked: null, content: event.getContent() };
}

/** What was said at first, or why it is locked. */
export function original(event: MatrixEvent): Reading {
  const locked = lockOf(event);
  return locked ? { locked, content: null } : { locked: null, content: event.getOriginalContent() };
}

/** The new content that an edit brings; null where it brings none, or is locked. */
export function edited(event: MatrixEvent): IContent | null {
  const content: unknown = readable(event).content?.["m.new_content"];
  return typeof content === "object" ? (content as IContent | null) : null;
}

/** What is yet to be opened, or cannot be. */
function lockOf(event: MatrixEvent): LockedReason | null {
  if (event.isRedacted()) return null; // there is nothing to open any more
  if (event.isDecryptionFailure()) return FAILURES[event.decryptionFailureReason!] ?? "broken";
  return isOpening(event) || event.getType() === EventType.RoomMessageEncrypted ? "waiting" : null;
}

/** Whether it is not known yet if it can be opened. */
export const isOpening = (event: MatrixEvent): boolean => event.isBeingDecrypted() || event.shouldAttemptDecryption();

/** How texts begin that the SDK puts in the place of contents. */
export const OF_THE_SDK = "** Unable to decrypt";
