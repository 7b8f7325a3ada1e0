/** The administration console of a server: lists and actions, as far as the account may. */

import { type MatrixClient, Method } from "matrix-js-sdk";

export interface Rights {
  everywhere: boolean;
  organisations: Array<{ name: string; label: string }>;
  has_codes: boolean;
}

export type Row = Record<string, unknown>;

export interface Done extends Row {
  done: boolean;
  request?: number;
  /** Of what waits: how many there are who can agree. */
  approvers?: number;
}

export interface AuditChain {
  intact: boolean;
  number: number;
  checked_ts: number;
}

/** What an administrator has to see to; each number stands for a list. */
export interface Overview {
  people: number;
  locked: number;
  ending: number;
  leavers: number;
  guests: number;
  requests: number;
  reports: number;
  alerts: number;
  files: number;
  chain: AuditChain;
}

/** What became of one of several people. `errcode`, `reason`: why it failed. */
export interface Became {
  user_id: string;
  outcome: "done" | "asked" | "failed";
  errcode?: string;
  error?: string;
  reason?: string;
}

export interface Page {
  items: Row[];
  names: Record<string, string>;
  /** For `from` of the next page: where this one ended. */
  next?: number | string;
  /** How many there are, where the list says it. */
  total?: number;
  /** There are more than that: they are not counted to the end. */
  total_is_more?: boolean;
  /** Of the audit log: whose acts it has. */
  authors?: string[];
}

/** How a list is narrowed down, by the name of the filter. */
export type Filters = Readonly<Record<string, string>>;

export class Console {
  constructor(private readonly client: MatrixClient) {}

  /** What the account may administer; null where it is nothing. */
  async rights(): Promise<Rights | null> {
    const rights = await this.call<Rights>(Method.Get, "/rights").catch(() => null);
    return rights && (rights.everywhere || rights.organisations.length) ? rights : null;
  }

  async view(organisation: string, view: string, search: string, from: number | string, filters: Filters = {}): Promise<Page> {
    const narrowed = Object.fromEntries(Object.entries(filters).filter(([, value]) => value));
    const query = { ...narrowed, ...(search ? { search } : {}), ...(from ? { from: String(from) } : {}) };
    return this.call(Method.Get, `${at(organisation)}/${view}`, undefined, query);
  }

  /** Whether the audit log is what was written. `number`: of the latest entry, or of the first that is not. */
  auditChain(organisation: string): Promise<AuditChain> {
    return this.call(Method.Get, `${at(organisation)}/audit_chain`);
  }

  overview(organisation: string): Promise<Overview> {
    return this.call(Method.Get, `${at(organisation)}/overview`);
  }

  /** One act for several people: what became of each. */
  async several(organisation: string, action: string, people: string[]): Promise<Became[]> {
    return (await this.call<{ results: Became[] }>(Method.Post, `${at(organisation)}/several/${action}`, { people })).results;
  }

  /** People as a file for a spreadsheet. `wanted`: how they are narrowed down, or which they are. */
  table(organisation: string, wanted: Filters & { people?: never }, people: string[] | null): Promise<Blob> {
    const path = `${at(organisation)}/people_table`;
    return this.client.http.authedRequest(Method.Post, path, undefined, people ? { ...wanted, people } : wanted, {
      prefix: "/_chappe/console/v1",
      rawResponseBody: true,
    });
  }

  /** The audit log as a file, as it is narrowed down. */
  auditTable(organisation: string, wanted: Filters): Promise<Blob> {
    return this.client.http.authedRequest(Method.Post, `${at(organisation)}/audit_table`, undefined, wanted, {
      prefix: "/_chappe/console/v1",
      rawResponseBody: true,
    });
  }

  async person(organisation: string, userId: string): Promise<Row> {
    return this.call(Method.Get, `${at(organisation)}/people/${encodeURIComponent(userId)}`);
  }

  async act(organisation: string, action: string, given: Row): Promise<Done> {
    return this.call(Method.Post, `${at(organisation)}/actions/${action}`, given);
  }

  /** `code`: of the second factor of whoever agrees. `agreed`: who asked is to ask again where they did. */
  async decide(organisation: string, request: number, approve: boolean, code?: string): Promise<{ agreed?: boolean }> {
    return this.call(Method.Post, `${at(organisation)}/requests/${request}`, { approve, ...(code ? { code } : {}) });
  }

  /** The address of a package, to be fetched with the session. */
  package(organisation: string, id: string): string {
    return `/_chappe/console/v1${at(organisation)}/exports/${encodeURIComponent(id)}`;
  }

  private call<T>(method: Method, path: string, body?: object, query?: Record<string, string>): Promise<T> {
    return this.client.http.authedRequest<T>(method, path, query, body, { prefix: "/_chappe/console/v1" });
  }
}

const at = (organisation: string): string => `/organisations/${encodeURIComponent(organisation)}`;
