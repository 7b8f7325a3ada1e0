/** People: their names, their organisations, finding them. */

import { type MatrixClient, Method, type RoomMember } from "matrix-js-sdk";
import { Signal } from "../platform/signal";
import type { Agency } from "./agency";
import { type DirectoryFacts, factsIn } from "./directory_facts";
import type { Person } from "./types";

const OWN = "chappe.me";
const BRACKETED = /^(.+?)\s*\[([^\]]+)\]\s*$/;
/** What the SDK puts after the names of two people who are called alike. */
const TOLD_APART = /\s*\(@[^()\s]+:[^()\s]+\)$/;

/** A display name, and the organisation that stands in brackets after it. */
export function splitName(called: string): { name: string; organisation: string | null } {
  const plain = called.replace(TOLD_APART, "");
  const bracketed = BRACKETED.exec(plain);
  return bracketed ? { name: bracketed[1], organisation: bracketed[2] } : { name: plain || called, organisation: null };
}

export class People {
  readonly changed = new Signal();
  private asked: Promise<void> | null = null;
  private own: { name: string | null; avatar: string | null; nameIsFixed?: boolean } = { name: null, avatar: null };

  constructor(
    private readonly client: MatrixClient,
    private readonly organisations: Record<string, string>,
    private readonly agency: Agency,
  ) {}

  person(id: string, displayName: string | null | undefined, avatar: string | null | undefined): Person {
    const called = displayName === id ? null : displayName; // the SDK's stand-in for somebody whose name is not known
    const { name, organisation } = splitName(called ?? "");
    const server = id.slice(id.indexOf(":") + 1);
    return {
      id,
      name: name || id.slice(1).split(":")[0],
      organisation: organisation ?? this.organisations[server] ?? (server === this.client.getDomain() ? null : server),
      avatar: avatar ?? null,
      guest: this.agency.isGuest(id, organisation),
    };
  }

  of(member: RoomMember | null | undefined, id: string): Person {
    if (member) return this.person(id, member.rawDisplayName, member.getMxcAvatarUrl());
    const user = this.client.getUser(id);
    return this.person(id, user?.displayName, user?.avatarUrl);
  }

  me(): Person {
    return this.person(this.client.getSafeUserId(), this.own.name, this.own.avatar);
  }

  /** Whether the server, which knows the organisation, says how one is called. */
  get nameIsFixed(): boolean {
    return this.own.nameIsFixed ?? false;
  }

  /** A room's marking, by the name that people know. */
  levelName(name: unknown): string {
    const level = this.agency.level(name);
    return level?.labels[document.documentElement.lang] ?? level?.name ?? String(name ?? "");
  }

  /** What somebody's directory says of them now. */
  async facts(id: string): Promise<DirectoryFacts> {
    return factsIn((await this.client.getProfileInfo(id)) as Record<string, unknown>);
  }

  /** Reads one's own profile: what is kept here at once, then what the server has, which is asked once. */
  loadMe(): Promise<void> {
    this.asked ??= this.askMe();
    return this.asked;
  }

  private async askMe(): Promise<void> {
    this.own = JSON.parse(localStorage.getItem(OWN) ?? "null") ?? this.own;
    const profile = await this.client.getProfileInfo(this.client.getSafeUserId()).catch(() => null);
    if (!profile)
      this.asked = null; // it may be asked again
    else this.setOwn({ name: profile.displayname ?? null, avatar: profile.avatar_url ?? null });
  }

  /** What this account may change of itself: the SDK has asked for it when it began. */
  async loadCapabilities(): Promise<void> {
    const capabilities = await this.client.getCapabilities().catch(() => null);
    if (capabilities) this.setOwn({ nameIsFixed: capabilities["m.set_displayname"]?.enabled === false });
  }

  private setOwn(change: Partial<typeof this.own>): void {
    this.own = { ...this.own, ...change };
    localStorage.setItem(OWN, JSON.stringify(this.own));
    this.changed.fire();
  }

  /** People of the directory by name, address or identifier. */
  async find(term: string): Promise<Person[]> {
    const trimmed = term.trim();
    if (!trimmed) return [];
    const { results } = await this.client.searchUserDirectory({ term: trimmed, limit: 20 });
    const people = results.map((each) => this.person(each.user_id, each.display_name, each.avatar_url));
    if (/^@[^\s:]+:\S+$/.test(trimmed) && !people.some((each) => each.id === trimmed)) {
      const profile = await this.client.getProfileInfo(trimmed).catch(() => null);
      if (profile) people.unshift(this.person(trimmed, profile.displayname, profile.avatar_url));
    }
    return people.filter((each) => each.id !== this.client.getUserId());
  }

  async setName(name: string): Promise<void> {
    await this.client.setDisplayName(name);
    this.setOwn({ name });
  }

  async setPicture(file: Blob | null): Promise<void> {
    const url = file === null ? "" : (await this.client.uploadContent(file)).content_uri;
    await this.client.setAvatarUrl(url);
    this.setOwn({ avatar: url || null });
  }

  isIgnored(id: string): boolean {
    return this.client.isUserIgnored(id);
  }

  async setIgnored(id: string, ignored: boolean): Promise<void> {
    const others = this.client.getIgnoredUsers().filter((each) => each !== id);
    await this.client.setIgnoredUsers(ignored ? [...others, id] : others);
  }

  async report(id: string, reason: string): Promise<void> {
    await this.client.http.authedRequest(Method.Post, `/users/${encodeURIComponent(id)}/report`, undefined, { reason });
  }
}
