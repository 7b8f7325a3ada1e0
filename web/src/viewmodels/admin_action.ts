/** What an action of the console asks for, as it is typed, and as it is sent. */

import type { Row } from "../matrix/console";
import { FIELDS, OPTIONAL } from "./admin_views";

/** Fields that name people, and fields that are switches. */
export const PEOPLE = new Set(["sponsor", "appointed", "holders"]);
export const SWITCHES = new Set(["with_held", "by_invitation", "guests", "forums"]);

export interface Typed {
  given: Record<string, string>;
  switched: Record<string, boolean>;
  people: string[];
}

/** What an entry says already, where the action changes it. */
export function filled(action: string, row: Row | null): Record<string, string> {
  if (action !== "set_organisation" || !row) return {};
  return {
    name: String(row.name),
    label: String(row.label),
    home: String(row.home),
    addresses: ((row.addresses ?? []) as string[]).join("\n"),
    colour: String(row.colour ?? ""),
    guest_days: String(row.guest_days ?? 0),
  };
}

/** How the switches stand before somebody moves them. */
export const switchedBy = (row: Row | null): Record<string, boolean> => ({
  by_invitation: row?.by_invitation === true,
  guests: row?.guests !== false,
  forums: row?.forums !== false,
});

/** Whether something is still to be said before it can be done. */
export const isMissing = (action: string, given: Typed["given"], people: string[]): boolean =>
  (FIELDS[action] ?? []).some((each) => !OPTIONAL.has(each) && (PEOPLE.has(each) ? !people.length : !given[each]?.trim()));

/** What is sent. Days end with their last minute, where this browser is. */
export function valuesOf(action: string, { given, switched, people }: Typed): Row {
  const values: Row = {};
  for (const each of FIELDS[action] ?? []) {
    const typed = given[each] ?? "";
    if (each === "holders") values[each] = people;
    else if (PEOPLE.has(each)) values[each] = people[0];
    else if (SWITCHES.has(each)) values[each] = switched[each] ?? false;
    else if (each === "ends_ts" || each === "at_ts") {
      if (typed) values[each] = new Date(each === "ends_ts" ? `${typed}T23:59` : typed).getTime();
    } else if (each === "colour") values[each] = typed.trim() || null;
    else if (each === "guest_days") values[each] = Number(typed || 0);
    else if (each === "addresses") values[each] = typed.split(/[\s,;]+/).filter(Boolean);
    else values[each] = typed.trim();
  }
  return values;
}

/** What of an entry an action is about. */
export const ABOUT: Record<string, Array<[argument: string, field: string]>> = {
  close_report: [["report", "report_id"]],
  remind_awaited: [["address", "address"]],
  withdraw_awaited: [["address", "address"]],
  lift_hold: [["hold", "id"]],
  remove_organisation: [["name", "name"]],
  set_organisation: [],
  ...Object.fromEntries(
    ["release_file", "quarantine_file", "unquarantine_file", "delete_file"].map((each) => [
      each,
      [
        ["server_name", "server_name"],
        ["media_id", "media_id"],
      ] as Array<[string, string]>,
    ]),
  ),
  ...Object.fromEntries(
    ["appoint", "unlist", "block", "unblock", "archive_room", "hold_room", "give_room", "announce"].map((each) => [
      each,
      [["room_id", "room_id"]] as Array<[string, string]>,
    ]),
  ),
};
