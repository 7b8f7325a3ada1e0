/** What is asked of the search, as the page's address has it. */

export type When = "ever" | "week" | "month" | "year" | "between";
export type What = "all" | "text" | "image" | "video" | "sound" | "document";

export const WHENS: When[] = ["ever", "week", "month", "year", "between"];
export const WHATS: What[] = ["all", "text", "image", "document", "video", "sound"];

/** `since`, `until`: days ("2026-11-29"), both included. */
export interface Ask {
  term: string;
  room: string | null;
  sender: string | null;
  when: When;
  since: string;
  until: string;
  what: What;
}

export const NOTHING: Ask = { term: "", room: null, sender: null, when: "ever", since: "", until: "", what: "all" };

/** A query of an address; what it does not know is left out. */
export function readAsk(query: string | undefined): Ask {
  const given = new URLSearchParams(query);
  const day = (name: string): string => (/^\d{4}-\d\d-\d\d$/.test(given.get(name) ?? "") ? given.get(name)! : "");
  return {
    term: given.get("q") ?? "",
    room: given.get("in"),
    sender: given.get("from"),
    when: WHENS.find((each) => each === given.get("when")) ?? "ever",
    since: day("since"),
    until: day("until"),
    what: WHATS.find((each) => each === given.get("what")) ?? "all",
  };
}

export function writeAsk({ term, room, sender, when, since, until, what }: Ask): string {
  const given = { q: term, in: room ?? "", from: sender ?? "", when: when === "ever" ? "" : when, since, until };
  const told = { ...given, what: what === "all" ? "" : what };
  return new URLSearchParams(Object.entries(told).filter(([, value]) => value !== "")).toString();
}
