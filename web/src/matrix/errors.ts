/** Why something was refused, as the name of a sentence that people understand. */

export interface Explanation {
  key: string;
  values: Record<string, string | number>;
}

/** The owner must allow it on a page of the server; then what was tried is begun again. */
export class ConsentNeeded extends Error {
  constructor(readonly url: string) {
    super("consent is needed");
  }
}

const KNOWN = new Set([
  "M_FORBIDDEN",
  "M_LIMIT_EXCEEDED",
  "M_NOT_FOUND",
  "M_TOO_LARGE",
  "M_ROOM_IN_USE",
  "M_INVALID_PARAM",
  "M_UNKNOWN_TOKEN",
  "M_USER_SUSPENDED",
  "M_USER_LOCKED",
  "M_RESOURCE_LIMIT_EXCEEDED",
  "M_UNSUPPORTED_ROOM_VERSION",
  "M_BAD_STATE",
]);

/** What the server refuses for a reason of its own, beside the code. */
const REASONS = new Set([
  "wrong_code",
  "somebody_else",
  "young_rights",
  "young_factor",
  "changed_lately",
  "asker_gone",
  "not_your_right",
]);

/** The SDK's errors by their shape: this file is loaded before the SDK is. */
interface Refusal {
  name?: string;
  errcode?: string;
  httpStatus?: number;
  data?: { error?: string; reason?: string; retry_after_ms?: number };
  getRetryAfterMs?: () => number | null;
}

export function explain(error: unknown): Explanation {
  const { name, errcode, httpStatus, data, getRetryAfterMs } = (error ?? {}) as Refusal;
  const message = data?.error ?? "";
  if (data?.reason && REASONS.has(data.reason)) return { key: `error.reason.${data.reason}`, values: {} };
  if (errcode && KNOWN.has(errcode)) {
    const wait = errcode === "M_LIMIT_EXCEEDED" ? (getRetryAfterMs?.call(error) ?? data?.retry_after_ms ?? 5000) : 0;
    return { key: `error.${errcode}`, values: { seconds: Math.ceil(wait / 1000), message } };
  }
  if (name === "ConnectionError" || (error instanceof TypeError && /fetch|network/i.test(error.message)))
    return { key: "error.offline", values: {} };
  if (errcode || httpStatus) return { key: "error.server", values: { message: message || String(httpStatus ?? "") } };
  return { key: "error.unknown", values: { message: error instanceof Error ? error.message : "" } };
}
