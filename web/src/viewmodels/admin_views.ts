/** The lists of the console, what each entry lets one do, what that asks for. */

import type { Rights, Row } from "../matrix/console";

/** The name of the whole installation, where organisations have theirs. */
export const EVERYWHERE = "all";

/** How a value is shown. */
export type As =
  | "person"
  | "someone"
  | "text"
  | "date"
  | "month"
  | "time"
  | "bytes"
  | "number"
  | "state"
  | "room"
  | "list"
  | "file"
  | "word"
  | "moment"
  | "clock"
  | "author"
  | "outcome"
  | "detail";

export interface View {
  name: string;
  icon: "users" | "clock" | "archive" | "guest" | "chat" | "admin" | "shieldbad" | "flag" | "eye" | "bell" | "poll" | "hand" | "folder" | "lock" | "key" | "grid" | "journal"; // biome-ignore format: one line
  columns: Array<[field: string, as: As]>;
  /** What may be done to an entry. `me`: who looks. */
  actions: (row: Row, rights: Rights, me: string) => string[];
  /** What may be done without an entry. */
  top?: string[];
  everywhere?: boolean;
  search?: boolean;
  /** Whether several entries may be chosen at once, and taken away as a table. */
  several?: boolean;
  /** Whether its entries stand under the days on which they were made. */
  byDay?: boolean;
}

const always =
  (...actions: string[]) =>
  (): string[] =>
    actions;

/** To move somebody, one administers where they come from and where they go. */
const onPerson = (row: Row, rights: Rights): string[] => [
  row.locked ? "unlock" : "lock",
  "sign_out",
  "renew",
  ...(row.kind === "function" ? ["set_holders"] : ["reset_second_factor"]),
  ...(!row.kind && rights.organisations.length > 1 ? ["move"] : []),
  ...(row.administers || row.kind ? [] : ["grant"]),
  ...(row.kind ? [] : ["restore_keys"]),
  "export_person",
  "hold_person",
  "deactivate",
  "erase",
];

export const VIEWS: View[] = [
  { name: "overview", icon: "grid", columns: [], actions: always() },
  {
    name: "people",
    icon: "users",
    search: true,
    several: true,
    columns: [
      ["user_id", "person"],
      ["organisation_label", "text"],
      ["locked", "state"],
      ["expires_ts", "date"],
      ["last_seen_ts", "time"],
    ],
    actions: onPerson,
  },
  {
    name: "leavers",
    icon: "clock",
    search: true,
    columns: [["user_id", "person"], ["locked", "state"], ["expires_ts", "date"], ["last_seen_ts", "time"]],
    actions: always("renew", "sign_out", "export_person", "deactivate"),
  },
  {
    name: "former",
    icon: "archive",
    search: true,
    columns: [["user_id", "person"], ["ended_ts", "date"]],
    actions: always("reactivate"),
  },
  {
    name: "guests",
    icon: "guest",
    search: true,
    columns: [["user_id", "person"], ["purpose", "text"], ["sponsor", "someone"], ["ends_ts", "date"]],
    actions: always("renew_guest", "give_guest", "end_guest"),
  },
  {
    name: "awaited",
    icon: "clock",
    search: true,
    columns: [["address", "text"], ["purpose", "text"], ["sponsor", "someone"], ["invited_ts", "date"], ["ends_ts", "date"]],
    actions: always("remind_awaited", "withdraw_awaited"),
  },
  {
    name: "functions",
    icon: "admin",
    columns: [["user_id", "person"], ["holder", "someone"], ["since_ts", "time"], ["holders", "list"]],
    actions: always("set_holders", "deactivate"),
    top: ["add_function_account"],
  },
  {
    name: "rooms",
    icon: "chat",
    search: true,
    columns: [["name", "room"], ["joined", "number"], ["administrators", "number"], ["created_ts", "date"]],
    actions: (row, rights) => [
      "appoint",
      ...(row.listed ? ["unlist"] : []),
      row.blocked ? "unblock" : "block",
      "announce",
      "archive_room",
      "hold_room",
      ...(rights.organisations.length > 1 ? ["give_room"] : []),
    ],
  },
  {
    name: "files",
    icon: "shieldbad",
    columns: [["file_name", "file"], ["user_id", "someone"], ["size", "bytes"], ["created_ts", "date"]],
    actions: (row) => [
      ...(row.reason && !row.released_by ? ["release_file"] : []),
      row.quarantined_by ? "unquarantine_file" : "quarantine_file",
      "delete_file",
    ],
  },
  {
    name: "reports",
    icon: "flag",
    columns: [["room_name", "text"], ["reporter", "someone"], ["reason", "text"], ["received_ts", "time"]],
    actions: always("close_report"),
  },
  {
    name: "alerts",
    icon: "eye",
    columns: [["user_id", "someone"], ["step", "word"], ["what", "word"], ["amount", "number"], ["ts", "time"]],
    actions: (row) => (String(row.user_id).startsWith("@") ? [row.locked ? "unlock" : "lock"] : []),
  },
  {
    name: "announcements",
    icon: "bell",
    columns: [["body", "text"], ["sender", "someone"], ["recipients", "number"], ["waiting", "number"], ["created_ts", "time"]],
    actions: always(),
    top: ["announce"],
  },
  {
    name: "statistics",
    icon: "poll",
    columns: [
      ["month", "month"],
      ["accounts", "number"],
      ["active_people", "number"],
      ["new_accounts", "number"],
      ["left", "number"],
      ["messages", "number"],
      ["rooms_made", "number"],
      ["files", "number"],
      ["guests", "number"],
    ],
    actions: always(),
  },
  {
    name: "requests",
    icon: "hand",
    columns: [["action", "word"], ["arguments", "detail"], ["asked_by", "someone"], ["asked_ts", "moment"], ["outcome", "outcome"]],
    actions: (row, _rights, me) => (row.decided_ts ? [] : row.asked_by === me ? ["withdraw"] : ["approve", "refuse"]),
  },
  {
    name: "exports",
    icon: "folder",
    columns: [["target", "someone"], ["kind", "word"], ["state", "word"], ["size", "bytes"], ["created_ts", "time"]],
    actions: (row) => (row.state === "ready" ? ["fetch"] : []),
  },
  {
    name: "holds",
    icon: "lock",
    columns: [["target", "someone"], ["authority", "text"], ["reference", "text"], ["placed_ts", "date"], ["lifted_ts", "date"]],
    actions: (row) => (row.lifted_ts ? [] : ["lift_hold"]),
  },
  {
    name: "administrators",
    icon: "key",
    columns: [["user_id", "person"], ["granted_by", "someone"], ["granted_ts", "date"]],
    actions: (row) => (row.granted_by ? ["revoke"] : []),
  },
  {
    name: "organisations",
    icon: "grid",
    everywhere: true,
    columns: [["label", "text"], ["name", "text"], ["home", "text"], ["addresses", "list"]],
    actions: always("set_organisation", "remove_organisation"),
    top: ["set_organisation"],
  },
  {
    name: "audit",
    icon: "journal",
    search: true,
    byDay: true,
    columns: [["ts", "clock"], ["actor", "author"], ["action", "word"], ["detail", "detail"]],
    actions: always(),
  },
]; // biome-ignore format: a table

/** What an action asks for beside the entry that it is about. */
export const FIELDS: Record<string, string[]> = {
  renew: ["ends_ts"],
  renew_guest: ["ends_ts"],
  restore_keys: ["at_ts"],
  move: ["to"],
  give_room: ["to"],
  give_guest: ["sponsor"],
  appoint: ["appointed"],
  export_person: ["with_held"],
  archive_room: ["with_held"],
  hold_person: ["authority", "reference"],
  hold_room: ["authority", "reference"],
  lift_hold: ["reason"],
  announce: ["text"],
  add_function_account: ["called", "name"],
  set_holders: ["holders"],
  set_organisation: ["name", "label", "home", "addresses", "colour", "guest_days", "by_invitation", "guests", "forums"],
};
export const OPTIONAL = new Set([
  "ends_ts",
  "at_ts",
  "with_held",
  "by_invitation",
  "guests",
  "forums",
  "colour",
  "guest_days",
  "holders",
]);
/** Actions that a second person, or a second factor, must stand for. */
export const CRITICAL = new Set([
  "move",
  "give_room",
  "reset_second_factor",
  "deactivate",
  "reactivate",
  "erase",
  "set_holders",
  "restore_keys",
  "grant",
  "revoke",
  "appoint",
  "release_file",
  "unquarantine_file",
  "delete_file",
  "export_person",
  "archive_room",
  "hold_person",
  "hold_room",
  "lift_hold",
  "announce",
  "set_organisation",
  "remove_organisation",
]);
/** What is done to somebody who administers is critical as well. */
export const isCritical = (action: string, row: Row | null): boolean => CRITICAL.has(action) || Boolean(row?.administers);
const GRAVE = new Set([
  "deactivate",
  "erase",
  "delete_file",
  "end_guest",
  "withdraw_awaited",
  "remove_organisation",
  "revoke",
  "block",
  "lock",
]);
export const isGrave = (action: string): boolean => GRAVE.has(action);

/** The organisations that somebody may choose from: the whole installation first, where that is theirs too. */
export const scopes = (rights: Rights, everywhere: string): Array<{ name: string; label: string }> => [
  ...(rights.everywhere ? [{ name: EVERYWHERE, label: everywhere }] : []),
  ...rights.organisations,
];

export const viewsFor = (organisation: string): View[] =>
  VIEWS.filter((each) => !each.everywhere || organisation === EVERYWHERE);
