/** What the directory of somebody's server says of them in their profile (docs/web-client.md): whatever another server says is text. */

export interface DirectoryFacts {
  /** Their post: "Cheffe du service communication". */
  title: string | null;
  /** The unit that they belong to. */
  service: string | null;
  telephone: string | null;
}

export const NO_FACTS: DirectoryFacts = { title: null, service: null, telephone: null };
const SERVICE = "org.chappe.service";
const LONGEST = 256;
/** Neither control characters nor those that turn the direction of what follows. */
const UNSEEN = /[\p{Cc}\p{Cf}]/gu;

function line(value: unknown): string | null {
  if (typeof value !== "string") return null;
  return value.replace(/\s+/g, " ").replace(UNSEEN, "").slice(0, LONGEST).trim() || null;
}

/** Of the content of a membership event, which repeats it, or of a profile. */
export const serviceIn = (content: Record<string, unknown>): string | null => line(content[SERVICE]);

export const factsIn = (profile: Record<string, unknown>): DirectoryFacts => ({
  title: line(profile["org.chappe.title"]),
  service: serviceIn(profile),
  telephone: line(profile["org.chappe.telephone"]),
});
