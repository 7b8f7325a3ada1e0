/**
 * The sealed record of a playbook: one file, which people read without Chappe and programs read too. Each event is digested with the digest of
 * the one before it, and the whole with the page that people read: whatever is changed later shows. What the file cannot say of itself,
 * that it is the one of that room, the room says: the digests stand in the event that closed the plan.
 */

import type { Recorded, Seal } from "../matrix/playbook_merge";
import { asWritten, canonical, digestOf } from "../platform/digest";

const FORMAT = "org.chappe.playbook.record";
const BEGINS = '<script type="application/json" id="record">';
const ENDS = "</script>\n</body>\n</html>\n";
/** What somebody gives to be checked may be anything. */
export const LARGEST_FILE = 50_000_000;

export interface Facts {
  room: string;
  playbook: string;
  title: string;
  /** Who made it, and when. */
  by: string;
  at: number;
}

interface RecordData extends Facts {
  format: typeof FORMAT;
  version: 1;
  events: Recorded[];
  /** Of each event, with all before it. */
  chain: string[];
  /** Of what people read. */
  page: string;
}

/** `page`: the document that people read, up to the end of its body. */
export async function sealed(facts: Facts, events: Recorded[], page: string): Promise<{ file: string; seal: Seal }> {
  const { room, playbook, title, by, at } = facts;
  const written = asWritten(page);
  const chain = await chained(events);
  const record: RecordData = {
    format: FORMAT,
    version: 1,
    ...{ room, playbook, title, by, at },
    events,
    chain,
    page: await digestOf(written),
  };
  const digest = await digestOf(canonical(record));
  return { file: written + tail(record, digest), seal: { count: events.length, head: chain.at(-1) ?? "", digest } };
}

async function chained(events: Recorded[]): Promise<string[]> {
  const chain: string[] = [];
  for (const each of events) chain.push(await digestOf(`${chain.at(-1) ?? ""}\n${canonical(each)}`));
  return chain;
}

const tail = (record: RecordData, digest: string): string =>
  asWritten(
    `<footer><p><code id="seal">${digest}</code></p></footer>\n${BEGINS}${JSON.stringify(record).replaceAll("<", "\\u003c")}${ENDS}`,
  );

export type Check =
  | { is: "none" }
  /** `at`: which event is not the one that was sealed; null: something else. */
  | { is: "changed"; at: number | null }
  | { is: "whole"; facts: Facts; seal: Seal };

/** Whether a file is whole in itself. */
export const check = (file: string): Promise<Check> => checked(file).catch(() => ({ is: "changed", at: null })); // nothing that was written here is so deep, or so odd

async function checked(file: string): Promise<Check> {
  const at = file.lastIndexOf(BEGINS);
  if (at < 0 || file.length > LARGEST_FILE) return { is: "none" };
  const record = readRecord(file.slice(at + BEGINS.length).split("</script>")[0]);
  if (!record) return { is: "changed", at: null };
  const chain = await chained(record.events);
  const wrong = chain.findIndex((each, index) => each !== record.chain[index]);
  if (wrong >= 0 || chain.length !== record.chain.length) return { is: "changed", at: wrong < 0 ? null : wrong + 1 };
  const digest = await digestOf(canonical(record));
  const end = tail(record, digest);
  const page = file.slice(0, -end.length);
  if (!file.endsWith(end) || (await digestOf(page)) !== record.page) return { is: "changed", at: null };
  const { room, playbook, title, by, at: ts } = record;
  return {
    is: "whole",
    facts: { room, playbook, title, by, at: ts },
    seal: { count: chain.length, head: chain.at(-1) ?? "", digest },
  };
}

function readRecord(text: string): RecordData | null {
  try {
    const given: unknown = JSON.parse(text);
    if (typeof given !== "object" || given === null) return null;
    const { format, version, events, chain, page, room, playbook, title, by, at } = given as Record<string, unknown>;
    const names = [room, playbook, title, by, page].every((each) => typeof each === "string");
    if (format !== FORMAT || version !== 1 || !names || typeof at !== "number") return null;
    return Array.isArray(events) && Array.isArray(chain) ? (given as RecordData) : null;
  } catch {
    return null; // no JSON
  }
}

export type Verdict = "none" | "changed" | "elsewhere" | "sealed" | "events" | "unknown";

/** What a room says of a file that is whole: the one made at the end; the same events, written down again; one it does not know. */
export function verdictOf(found: Check, playbook: string, seals: Seal[]): Verdict {
  if (found.is !== "whole") return found.is;
  if (found.facts.playbook !== playbook) return "elsewhere";
  if (seals.some((each) => each.digest === found.seal.digest)) return "sealed";
  return seals.some((each) => each.head === found.seal.head && each.count === found.seal.count) ? "events" : "unknown";
}
