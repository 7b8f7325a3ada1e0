/** The administration console: one of its lists, and doing something to what stands there. */

import type { AuditChain, Done, Rights, Row } from "../matrix/console";
import type { SignedIn } from "../matrix/signed_in";
import type { Person } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import { ABOUT, type View } from "./admin_views";
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
  next: number | null;
  search: string;
  /** What was done last, to be said: the key of a sentence. */
  done: string | null;
  person: Row | null;
  /** Of the audit log. */
  chain: AuditChain | null;
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
    super({ ...IDLE, rows: null, names: {}, next: null, search: "", done: null, person: null, chain: null }, clock);
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

  /** Without an answer nothing is said of it. */
  private async lookAtChain(): Promise<void> {
    this.set({ chain: await this.console.auditChain(this.organisation).catch(() => null) });
  }

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
