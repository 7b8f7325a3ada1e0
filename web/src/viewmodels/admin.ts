/** The administration console: one of its lists, and doing something to what stands there. */

import type { AuditChain, Done, Filters, Page, Rights, Row } from "../matrix/console";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { ABOUT } from "./admin_action";
import type { View } from "./admin_views";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

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
  next: number | string | null;
  search: string;
  filters: Filters;
  /** How many there are, where the list says it. */
  total: number | null;
  /** There are more than `total`: the server does not count them to the end. */
  isBeyond: boolean;
  /** Who is chosen, by id. */
  chosen: string[];
  /** What was done last, to be said: the key of a sentence. */
  done: string | null;
  person: Row | null;
  /** Of the audit log. */
  chain: AuditChain | null;
  /** Whose acts it has. */
  authors: string[];
}

export class AdminViewModel extends ActingViewModel<State> {
  private readonly console: SignedIn["console"];
  private readonly looking = this.scope.timer();
  private isStale = false;

  constructor(
    private readonly matrix: Pick<SignedIn, "console" | "people" | "agency" | "userId">,
    readonly rights: Rights,
    readonly organisation: string,
    readonly view: View,
    clock: Clock = browser,
    filters: Filters = {},
  ) {
    super(
      { ...IDLE, rows: null, names: {}, next: null, search: "", filters, total: null, isBeyond: false, chosen: [], done: null, person: null, chain: null, authors: [] },
      clock,
    ); // biome-ignore format: one line
    this.console = matrix.console;
    void this.look();
    if (view.name === "audit") void this.lookAtChain();
  }

  person(id: string, row: Row | null = null): Person {
    if (row && "display_name" in row)
      return this.matrix.people.person(id, row.display_name as string | null, (row.avatar_url as string | null) ?? null);
    const name = this.now.names[id];
    return name ? this.matrix.people.person(id, name, null) : this.matrix.people.of(null, id);
  }

  /** A person, a room or an organisation by its name, as far as it is known here; anything else as it is. */
  nameOf(id: string): string {
    if (id.startsWith("@")) return this.person(id).name;
    return this.now.names[id] ?? this.rights.organisations.find((one) => one.name === id)?.label ?? id;
  }

  get me(): string {
    return this.matrix.userId;
  }

  readonly type = (search: string): void => {
    this.set({ search });
    this.looking.set(250, () => void this.look());
  };

  readonly look = (): Promise<boolean> => {
    this.isStale = this.now.busy;
    return this.isStale ? Promise.resolve(false) : this.working(async () => this.show(await this.page(0)));
  };

  readonly filter = (name: string, value: string): void => {
    this.set({ filters: { ...this.now.filters, [name]: value } });
    void this.look();
  };

  /** What was narrowed down meanwhile is asked for once there is an answer. */
  private async working(action: () => Promise<unknown>): Promise<boolean> {
    const went = await this.act(action);
    if (this.isStale) await this.look();
    return went;
  }

  /** Nobody chooses themselves: what is done to several is not done to oneself. */
  mayChoose(row: Row): boolean {
    return Boolean(this.view.several) && row.user_id !== this.me;
  }

  readonly choose = (id: string, on: boolean): void =>
    this.set({
      chosen: on ? [...this.now.chosen.filter((each) => each !== id), id] : this.now.chosen.filter((each) => each !== id),
    });

  /** Everybody who is shown, or nobody. */
  readonly chooseAll = (on: boolean): void => {
    const shown = (this.now.rows ?? []).filter((row) => this.mayChoose(row));
    this.set({ chosen: on ? shown.map((row) => String(row.user_id)) : [] });
  };

  get chosenRows(): Row[] {
    const chosen = new Set(this.now.chosen);
    return (this.now.rows ?? []).filter((row) => chosen.has(String(row.user_id)));
  }

  /** Those who are chosen, or all that the list is narrowed down to. */
  table(language: string): Promise<Blob> {
    const { chosen, filters, search } = this.now;
    const known = language.startsWith("fr") ? "fr" : "en";
    return chosen.length
      ? this.console.table(this.organisation, { language: known }, chosen)
      : this.console.table(this.organisation, { ...filters, search: search.trim(), language: known }, null);
  }

  /** The audit log, as it is narrowed down. */
  auditTable(format: "csv" | "json", language: string): Promise<Blob> {
    const { filters, search } = this.now;
    const known = language.startsWith("fr") ? "fr" : "en";
    return this.console.auditTable(this.organisation, { ...filters, search: search.trim(), format, language: known });
  }

  private page(from: number | string): Promise<Page> {
    return this.console.view(this.organisation, this.view.name, this.now.search.trim(), from, this.now.filters);
  }

  /** From the beginning. Who is no longer shown is no longer chosen: nobody acts upon what they do not see. */
  private show({ items, names, next, total, total_is_more: isBeyond = false, authors = this.now.authors }: Page): void {
    const shown = new Set(items.map((row) => String(row.user_id)));
    const chosen = this.now.chosen.filter((each) => shown.has(each));
    this.set({ rows: items, names, next: next ?? null, total: total ?? null, isBeyond, chosen, authors });
  }

  readonly more = (): Promise<boolean> =>
    this.working(async () => {
      const { items, names, next } = await this.page(this.now.next ?? 0);
      const rows = [...(this.now.rows ?? []), ...items];
      this.set({ rows, names: { ...this.now.names, ...names }, next: next ?? null });
    });

  /** Without an answer nothing is said of it. */
  private async lookAtChain(): Promise<void> {
    this.set({ chain: await this.console.auditChain(this.organisation).catch(() => null) });
  }

  /** Everything of one account. */
  readonly open = (id: string): Promise<boolean> =>
    this.working(async () => {
      const person = await this.console.person(this.organisation, id);
      this.set({ person, names: { ...this.now.names, ...((person.names ?? {}) as Record<string, string>) } });
    });

  readonly shut = (): void => this.set({ person: null, problem: null });

  readonly removeDevice = (id: string, device: string): Promise<boolean> =>
    this.working(async () => {
      const answer = await this.console.act(this.organisation, "remove_device", { user_id: id, device_id: device });
      const person = await this.console.person(this.organisation, id);
      this.set({ person, done: doneOrAsked(answer) });
    });

  /** `code`: of a second factor; without one, what is critical waits for a second person. */
  readonly do = (action: string, row: Row | null, given: Row, code: string): Promise<boolean> =>
    this.working(async () => {
      const about = row ? (ABOUT[action] ?? [["user_id", "user_id"]]).map(([name, field]) => [name, row[field]]) : [];
      const answer = await this.console.act(this.organisation, action, {
        ...Object.fromEntries(about),
        ...given,
        ...(code.trim() ? { code: code.trim() } : {}),
      });
      await this.lookAgain(doneOrAsked(answer));
    });

  readonly decide = (row: Row, approve: boolean, code = ""): Promise<boolean> =>
    this.working(async () => {
      const { agreed } = await this.console.decide(this.organisation, Number(row.id), approve, code.trim());
      await this.lookAgain(agreed ? "admin.agreed" : approve ? "admin.done" : "admin.refused");
    });

  package(row: Row): Promise<Blob> {
    return this.matrix.agency.file(this.console.package(this.organisation, String(row.id)));
  }

  private async lookAgain(done: string): Promise<void> {
    this.show(await this.page(0));
    this.set({ done, person: null });
  }
}
