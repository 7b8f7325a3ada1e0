/** The administration console: which lists there are, what each entry lets one do, and doing it. */

import { type Done, EVERYWHERE, type Rights, type Row } from "../matrix/console";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

/** How a value is shown. */
export type As =
  | "person"
  | "someone"
  | "text"
  | "date"
  | "time"
  | "bytes"
  | "number"
  | "state"
  | "room"
  | "list"
  | "file"
  | "word"
  | "moment"
  | "outcome"
  | "detail";

export interface View {
  name: string;
  icon: "users" | "clock" | "archive" | "guest" | "chat" | "admin" | "shieldbad" | "flag" | "eye" | "bell" | "poll" | "hand" | "folder" | "lock" | "key" | "grid" | "journal"; // biome-ignore format: one line
  columns: Array<[field: string, as: As]>;
  /** What may be done to an entry. */
  /** `me`: who looks. */
  actions: (row: Row, rights: Rights, me: string) => string[];
  /** What may be done without an entry. */
  top?: string[];
  everywhere?: boolean;
  search?: boolean;
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
  {
    name: "people",
    icon: "users",
    search: true,
    columns: [["user_id", "person"], ["locked", "state"], ["expires_ts", "date"], ["last_seen_ts", "time"]],
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
      ["month", "text"],
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
    columns: [["ts", "moment"], ["actor", "someone"], ["action", "word"], ["detail", "detail"]],
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
const GRAVE = new Set(["deactivate", "erase", "delete_file", "end_guest", "remove_organisation", "revoke", "block", "lock"]);
export const isGrave = (action: string): boolean => GRAVE.has(action);

/** What of an entry an action is about. */
const ABOUT: Record<string, Array<[argument: string, field: string]>> = {
  close_report: [["report", "report_id"]],
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

/** What to say of an action: the key of a sentence. A request that nobody can agree to waits for nothing. */
export const doneOrAsked = ({ done, approvers }: Done): string =>
  done ? "admin.done" : approvers === 0 ? "admin.askedNobody" : "admin.asked";

/** What has become of a request: the key of a word; null where its outcome says it. */
export const waitingWord = ({ outcome, decided_ts, approvers }: Row): string | null =>
  outcome || decided_ts ? null : approvers === 0 ? "admin.nobodyAgrees" : "admin.word.waiting";

/** An action that somebody has chosen, and the entry that it is about. */
export interface Wanted {
  action: string;
  row: Row | null;
}

interface State extends Doing {
  rows: Row[] | null;
  /** How the people in the list are called. */
  names: Record<string, string>;
  next: number | null;
  search: string;
  /** What was done last, to be said: the key of a sentence. */
  done: string | null;
  person: Row | null;
}

export class AdminViewModel extends ActingViewModel<State> {
  private readonly console: SignedIn["console"];
  private readonly looking = this.scope.timer();
  private turn = 0;

  constructor(
    private readonly matrix: Pick<SignedIn, "console" | "people" | "agency" | "userId">,
    readonly rights: Rights,
    readonly organisation: string,
    readonly view: View,
    clock: Clock = browser,
  ) {
    super({ ...IDLE, rows: null, names: {}, next: null, search: "", done: null, person: null }, clock);
    this.console = matrix.console;
    void this.look();
  }

  person(id: string, row: Row | null = null): Person {
    if (row && "display_name" in row)
      return this.matrix.people.person(id, row.display_name as string | null, (row.avatar_url as string | null) ?? null);
    const name = this.now.names[id];
    return name ? this.matrix.people.person(id, name, null) : this.matrix.people.of(null, id);
  }

  /** A person or a room by its name, as far as the list says it; anything else as it is. */
  nameOf(id: string): string {
    return id.startsWith("@") ? this.person(id).name : (this.now.names[id] ?? id);
  }

  get me(): string {
    return this.matrix.userId;
  }

  readonly type = (search: string): void => {
    this.set({ search });
    this.looking.set(250, () => void this.look());
  };

  readonly look = async (): Promise<void> => {
    const turn = ++this.turn;
    await this.act(async () => {
      const { items, names, next } = await this.console.view(this.organisation, this.view.name, this.now.search.trim(), 0);
      if (turn === this.turn) this.set({ rows: items, names, next: next ?? null });
    });
  };

  readonly more = (): Promise<boolean> =>
    this.act(async () => {
      const { items, names, next } = await this.console.view(
        this.organisation,
        this.view.name,
        this.now.search.trim(),
        this.now.next ?? 0,
      );
      const rows = [...(this.now.rows ?? []), ...items];
      this.set({ rows, names: { ...this.now.names, ...names }, next: next ?? null });
    });

  /** Everything of one account. */
  readonly open = (id: string): Promise<boolean> =>
    this.act(async () => this.set({ person: await this.console.person(this.organisation, id) }));

  readonly shut = (): void => this.set({ person: null, problem: null });

  readonly removeDevice = (id: string, device: string): Promise<boolean> =>
    this.act(async () => {
      const answer = await this.console.act(this.organisation, "remove_device", { user_id: id, device_id: device });
      const person = await this.console.person(this.organisation, id);
      this.set({ person, done: doneOrAsked(answer) });
    });

  /** `code`: of a second factor; without one, what is critical waits for a second person. */
  readonly do = (action: string, row: Row | null, given: Row, code: string): Promise<boolean> =>
    this.act(async () => {
      const about = row ? (ABOUT[action] ?? [["user_id", "user_id"]]).map(([name, field]) => [name, row[field]]) : [];
      const answer = await this.console.act(this.organisation, action, {
        ...Object.fromEntries(about),
        ...given,
        ...(code.trim() ? { code: code.trim() } : {}),
      });
      await this.lookAgain(doneOrAsked(answer));
    });

  readonly decide = (row: Row, approve: boolean, code = ""): Promise<boolean> =>
    this.act(async () => {
      const { agreed } = await this.console.decide(this.organisation, Number(row.id), approve, code.trim());
      await this.lookAgain(agreed ? "admin.agreed" : approve ? "admin.done" : "admin.refused");
    });

  package(row: Row): Promise<Blob> {
    return this.matrix.agency.file(this.console.package(this.organisation, String(row.id)));
  }

  private async lookAgain(done: string): Promise<void> {
    const { items, names, next } = await this.console.view(this.organisation, this.view.name, this.now.search.trim(), 0);
    this.set({ rows: items, names, next: next ?? null, done, person: null });
  }
}

/** The organisations that somebody may choose from: the whole installation first, where that is theirs too. */
export const scopes = (rights: Rights, everywhere: string): Array<{ name: string; label: string }> => [
  ...(rights.everywhere ? [{ name: EVERYWHERE, label: everywhere }] : []),
  ...rights.organisations,
];

export const viewsFor = (organisation: string): View[] =>
  VIEWS.filter((each) => !each.everywhere || organisation === EVERYWHERE);
