/** The end of a session. */

/** Why a session is over: until somebody signs in again on this device, which keeps its keys, or for good. */
export type Ended = "again" | "unusual" | "ended" | "password" | "everywhere" | "closed";

const FOR_GOOD: Record<string, Ended> = {
  password_changed: "password",
  signed_out_everywhere: "everywhere",
  account_ended: "closed",
};

/** Whether the device keeps its keys, for the same person to sign in again. */
export const keepsDevice = (why: Ended): boolean => why === "again" || why === "unusual";

/** What a server's answer to a token that serves no longer means. */
export function endedBy({ soft_logout, reason }: { soft_logout?: boolean; reason?: string }): Ended {
  if (soft_logout) return reason === "unusual_activity" ? "unusual" : "again";
  return (reason !== undefined && Object.hasOwn(FOR_GOOD, reason) && FOR_GOOD[reason]) || "ended";
}
