/** How the lists of the console are narrowed down: the server does it, page by page. */

import type { Filters, Rights } from "../matrix/console";
import { EVERYWHERE } from "./admin_views";

export interface Filter {
  name: string;
  /** As buttons beside each other, or as a list that opens. */
  as: "chips" | "list";
  /** The first is nothing in particular. `label` where it is not the client's word. */
  values: Array<{ value: string; label?: string }>;
}

const STATES = ["", "active", "ending", "expired", "locked", "administers", "function"];
const SEEN = ["", "week", "not_month", "not_quarter", "never"];
const DAYS = ["", "1", "7", "30", "365"];
/** What the audit log is asked for most. */
const ACTIONS = [
  "", "lock", "unlock", "sign_out", "renew", "deactivate", "reactivate", "erase", "move", "grant", "revoke", "reset_second_factor",
  "restore_keys", "export_person", "fetch_package", "fetch_people", "fetch_audit", "archive_room", "hold_person", "hold_room", "lift_hold", "release_file",
  "delete_file", "announce", "read_person", "read_list",
]; // biome-ignore format: a table

const values = (known: string[]): Filter["values"] => known.map((value) => ({ value }));

/** `authors`: whose acts the audit log has. */
export function filtersOf(view: string, organisation: string, rights: Rights, authors: Filter["values"] = []): Filter[] {
  const own = rights.organisations.map(({ name, label }) => ({ value: name, label }));
  if (view === "people")
    return [
      { name: "state", as: "chips", values: values(STATES) },
      { name: "seen", as: "list", values: values(SEEN) },
      ...(organisation === EVERYWHERE ? [{ name: "organisation", as: "list" as const, values: [{ value: "" }, ...own] }] : []),
    ];
  if (view === "audit")
    return [
      { name: "days", as: "list", values: values(DAYS) },
      { name: "action", as: "list", values: values(ACTIONS) },
      { name: "by", as: "list", values: [{ value: "" }, ...authors] },
    ];
  return [];
}

/** What an address says of the filters; what there is no filter for is left out. */
export function readFilters(query: string | undefined, known: Filter[]): Filters {
  const asked = new URLSearchParams(query);
  return Object.fromEntries(
    known.flatMap(({ name, values: allowed }) => {
      const value = asked.get(name) ?? "";
      return value && allowed.some((each) => each.value === value) ? [[name, value]] : [];
    }),
  );
}

export const isNarrowed = (search: string, filters: Filters): boolean =>
  search.trim() !== "" || Object.values(filters).some(Boolean);

/** What waits in a list of the console, or how many it has (`people`): shown in its menu. */
export const IN_MENU = ["requests", "alerts", "reports", "files", "leavers", "people"] as const;

/** What an administrator acts upon, and the list that shows it. Grave ones come first where there are any. */
export const OVERVIEW = [
  { number: "requests", view: "requests", icon: "hand" },
  { number: "alerts", view: "alerts", icon: "eye" },
  { number: "reports", view: "reports", icon: "flag" },
  { number: "files", view: "files", icon: "shieldbad" },
  { number: "ending", view: "people?state=ending", icon: "clock" },
  { number: "locked", view: "people?state=locked", icon: "lock" },
  { number: "leavers", view: "leavers", icon: "archive" },
  { number: "guests", view: "guests", icon: "guest" },
  { number: "people", view: "people", icon: "users" },
] as const;
