/** The public-sector layer of a server, where it is on: its rules, guests and their sponsors, posts that are held in turn. */

import { type MatrixClient, Method } from "matrix-js-sdk";
import { findOrganisation } from "./configuration";
import { type Confirmation, isConfirmation } from "./confirmation";
import type { Classification, EncryptedFile } from "./types";

export interface Rules {
  guest_servers: string[];
  guest_labels: string[];
  guest_days: number;
  classifications: Classification[];
  retention: { forum_days: number; private_days: number; open_days: number; direct_days: number };
  antivirus: boolean;
  account_days: number;
  renewal_by_link: boolean;
  me: {
    is_guest: boolean;
    kind?: string;
    ends_ts?: number;
    organisation?: string;
    sponsor?: string;
    /** Of the organisation's brand. */
    colour?: string;
    may_have_guests?: boolean;
    may_make_forums?: boolean;
  };
}

export interface Guest {
  user_id?: string;
  address?: string;
  purpose: string;
  ends_ts?: number;
  has_ended?: boolean;
}

/** `addresses`: by which the guest is reached. */
export interface GuestCard {
  sponsor: string;
  purpose: string;
  ends_ts: number | null;
  addresses: string[];
}

/** Who was removed when a room was closed to guests, and what they could see. */
export interface Removed {
  user_id: string;
  membership: string;
  since_ts?: number;
  messages: number;
}

export interface Post {
  user_id: string;
  display_name: string | null;
  holder: string | null;
  since_ts: number | null;
}

export interface Package {
  id: string;
  created_ts: number;
  state: "waiting" | "working" | "ready" | "failed";
  size?: number;
}

const RULES = "chappe.rules";

const proof = (session: string | null): object => (session ? { auth: { session } } : {});

export class Agency {
  /** null: the layer is off. */
  rules: Rules | null = JSON.parse(localStorage.getItem(RULES) ?? "null");

  /** `isOn`: the server has the layer; of one that has not nothing is asked. */
  constructor(
    private readonly client: MatrixClient,
    private readonly isOn = true,
  ) {
    if (!isOn) this.rules = null;
  }

  /** Reads the rules; without an answer those that were known go on. */
  async load(): Promise<void> {
    try {
      if (!this.isOn) return;
      this.rules = await this.call<Rules>(Method.Get, "/rules");
    } catch (error) {
      if ((error as { httpStatus?: number }).httpStatus === 404) this.rules = null;
    } finally {
      this.keep();
    }
  }

  private keep(): void {
    if (this.rules) localStorage.setItem(RULES, JSON.stringify(this.rules));
    else localStorage.removeItem(RULES);
  }

  /** Who came as a guest and is an agent now bears the name of an organisation. */
  isGuest(userId: string, organisation: string | null): boolean {
    if (!this.rules?.guest_servers.includes(userId.slice(userId.indexOf(":") + 1))) return false;
    return organisation === null || (this.rules.guest_labels ?? []).includes(organisation);
  }

  /** Whose an address is that may have no account yet. */
  async whose(address: string): Promise<{ guest: boolean; organisation: string | null } | "nobody" | "elsewhere" | null> {
    const found = await findOrganisation(address);
    if (found.where === "unknown") return this.rules ? "nobody" : null;
    if (found.where === "elsewhere") return "elsewhere";
    return { guest: this.rules?.guest_servers.includes(found.serverName) ?? false, organisation: found.name };
  }

  /** The level of a room, by what its event says; one that nobody knows is the strictest. */
  level(name: unknown): Classification | null {
    const levels = this.rules?.classifications ?? [];
    if (!levels.length || name === undefined || name === null) return null;
    return levels.find((each) => each.name === name) ?? levels[levels.length - 1];
  }

  /** The levels that a room may be raised to. */
  higher(than: Classification | null): Classification[] {
    const levels = this.rules?.classifications ?? [];
    return levels.slice(than ? levels.indexOf(than) + 1 : 0);
  }

  // -------------------------------------------------------------------------------------------------------- guests

  /** What an agent may know of a guest whom they meet. */
  async guest(userId: string): Promise<GuestCard> {
    return this.call(Method.Get, `/guests/${encodeURIComponent(userId)}`);
  }

  guests(): Promise<{ guests: Guest[]; invited: Guest[] }> {
    return this.call(Method.Get, "/guests");
  }

  async inviteGuest(roomId: string, address: string, purpose: string, ends: number | null): Promise<void> {
    const body = { room_id: roomId, address, purpose, ...(ends ? { ends_ts: ends } : {}) };
    await this.call(Method.Post, "/guests", body);
  }

  async renewGuest(userId: string): Promise<void> {
    await this.call(Method.Post, `/guests/${encodeURIComponent(userId)}/renew`, {});
  }

  async changeGuest(userId: string, change: { purpose?: string; ends_ts?: number }): Promise<void> {
    await this.call(Method.Put, `/guests/${encodeURIComponent(userId)}`, change);
  }

  async openToGuests(roomId: string): Promise<void> {
    await this.call(Method.Post, `/rooms/${encodeURIComponent(roomId)}/guest_access/open`, {});
  }

  async closeToGuests(roomId: string): Promise<Removed[]> {
    const path = `/rooms/${encodeURIComponent(roomId)}/guest_access/close`;
    return (await this.call<{ removed: Removed[] }>(Method.Post, path, {})).removed;
  }

  // --------------------------------------------------------------------------------------------------------- posts

  async posts(): Promise<Post[]> {
    return (await this.call<{ accounts: Post[] }>(Method.Get, "/function_accounts")).accounts;
  }

  /** A token by which this browser signs in to the post's account; or what its holder must confirm first. */
  async take(userId: string, session: string | null = null): Promise<string | Confirmation> {
    const path = `/function_accounts/${encodeURIComponent(userId)}/take`;
    const taken = await this.confirmed(() => this.call<{ login_token: string }>(Method.Post, path, proof(session)));
    return isConfirmation(taken) ? taken : taken.login_token;
  }

  // ---------------------------------------------------------------------------------------------- files, one's own data

  /** Tells which files an encrypted message holds, so that they go when the message does. */
  async holds(roomId: string, eventId: string, files: string[]): Promise<void> {
    const path = `/rooms/${encodeURIComponent(roomId)}/files/${encodeURIComponent(eventId)}`;
    await this.call(Method.Put, path, { files });
  }

  /** What the antivirus says of a file: null where it is clean, else why it is stopped. Throws where it cannot say. */
  async verdict(file: string | EncryptedFile): Promise<string | null> {
    const uri = typeof file === "string" ? file : file.url;
    const plain = `/scan/${uri.replace(/^mxc:\/\//, "")}`;
    const answer = await fetch(`/_matrix/media_proxy/unstable${typeof file === "string" ? plain : "/scan_encrypted"}`, {
      method: typeof file === "string" ? "GET" : "POST",
      headers: { Authorization: `Bearer ${this.client.getAccessToken()}` },
      body: typeof file === "string" ? undefined : JSON.stringify({ file }),
    });
    const body = await answer.json();
    if (answer.ok) return body.clean ? null : body.info;
    if (body.reason === "MCS_MIME_TYPE_FORBIDDEN" || body.reason === "MCS_MEDIA_NOT_CLEAN") return body.info;
    throw new Error(`antivirus: ${answer.status}`);
  }

  async packages(): Promise<Package[]> {
    return (await this.call<{ packages: Package[] }>(Method.Get, "/my_data")).packages;
  }

  /** Asks for it; or says what must be confirmed first, and where. `session`: of what has been confirmed there. */
  async askPackage(session: string | null = null): Promise<Confirmation | null> {
    const asked = await this.confirmed(() => this.call<object>(Method.Post, "/my_data", proof(session)));
    return isConfirmation(asked) ? asked : null;
  }

  /** The package itself, for which its owner confirms once more who they are. */
  package(id: string, session: string | null = null): Promise<Blob | Confirmation> {
    return this.confirmed(async () => {
      const answer = await fetch(`/_chappe/client/v1/my_data/${encodeURIComponent(id)}`, {
        method: "POST",
        headers: { Authorization: `Bearer ${this.client.getAccessToken()}`, "Content-Type": "application/json" },
        body: JSON.stringify(proof(session)),
      });
      if (answer.ok) return answer.blob();
      throw Object.assign(new Error(`package: ${answer.status}`), {
        httpStatus: answer.status,
        data: await answer.json().catch(() => undefined),
      });
    });
  }

  /** Does something; or, where the server wants to see its owner first, says on which page. */
  private async confirmed<T>(action: () => Promise<T>): Promise<T | Confirmation> {
    try {
      return await action();
    } catch (error) {
      const { httpStatus, data } = error as { httpStatus?: number; data?: { session?: string } };
      if (httpStatus !== 401 || !data?.session) throw error;
      const page = "/_matrix/client/v3/auth/m.login.sso/fallback/web?session=";
      return { session: data.session, page: `${this.client.getHomeserverUrl()}${page}${encodeURIComponent(data.session)}` };
    }
  }

  async file(path: string): Promise<Blob> {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${this.client.getAccessToken()}` } });
    if (!answer.ok) throw new Error(`package: ${answer.status}`);
    return answer.blob();
  }

  // --------------------------------------------------------------------------------------------- an account that ended

  /** Asks for the mail that renews an account. */
  async askRenewal(): Promise<void> {
    await this.client.http.authedRequest(
      Method.Post,
      "/account_validity/send_mail",
      undefined,
      {},
      {
        prefix: "/_matrix/client/unstable",
      },
    );
  }

  /** Renews by the code of a mail. Whether it was right. */
  async renewByCode(code: string): Promise<boolean> {
    const answer = await fetch(`/_matrix/client/unstable/account_validity/renew?token=${encodeURIComponent(code.trim())}`, {
      headers: { Authorization: `Bearer ${this.client.getAccessToken()}` },
    });
    return answer.ok;
  }

  private call<T>(method: Method, path: string, body?: object): Promise<T> {
    return this.client.http.authedRequest<T>(method, path, undefined, body, { prefix: "/_chappe/client/v1" });
  }
}
