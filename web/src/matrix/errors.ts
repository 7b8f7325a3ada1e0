/** Why something was refused, as the name of a sentence that people understand. */

import { ConnectionError, HTTPError, MatrixError } from "matrix-js-sdk";

export interface Explanation {
  key: string;
  values: Record<string, string | number>;
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

export function explain(error: unknown): Explanation {
  if (error instanceof MatrixError) {
    const wait = error.errcode === "M_LIMIT_EXCEEDED" ? Math.ceil((error.getRetryAfterMs() ?? 5000) / 1000) : 0;
    if (KNOWN.has(error.errcode ?? ""))
      return { key: `error.${error.errcode}`, values: { seconds: wait, message: error.data.error ?? "" } };
    return { key: "error.server", values: { message: error.data.error ?? String(error.httpStatus ?? "") } };
  }
  if (error instanceof ConnectionError || (error instanceof TypeError && /fetch|network/i.test(error.message)))
    return { key: "error.offline", values: {} };
  if (error instanceof HTTPError) return { key: "error.server", values: { message: String(error.httpStatus ?? "") } };
  return { key: "error.unknown", values: { message: error instanceof Error ? error.message : "" } };
}
