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

export class Console {
  constructor(private readonly client: MatrixClient) {}

  /** What the account may administer; null where it is nothing. */
  async rights(): Promise<Rights | null> {
    const rights = await this.call<Rights>(Method.Get, "/rights").catch(() => null);
    return rights && (rights.everywhere || rights.organisations.length) ? rights : null;
  }

  async view(
    organisation: string,
    view: string,
    search: string,
    from: number,
  ): Promise<{ items: Row[]; names: Record<string, string>; next?: number }> {
    const query = { ...(search ? { search } : {}), ...(from ? { from: String(from) } : {}) };
    return this.call(Method.Get, `${at(organisation)}/${view}`, undefined, query);
  }

  /** Whether the audit log is what was written. `number`: of the latest entry, or of the first that is not. */
  auditChain(organisation: string): Promise<AuditChain> {
    return this.call(Method.Get, `${at(organisation)}/audit_chain`);
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
