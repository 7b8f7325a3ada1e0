/** What people are: there, busy, away, until when. Theirs comes with presence, one's own is kept by the server until its end. */

import { ClientEvent, type MatrixClient, type MatrixEvent, Method } from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { Signal } from "../platform/signal";
import { readable } from "./readable";

export type Chosen = "available" | "busy" | "meeting" | "away" | "hidden";

/** `until`: in milliseconds since 1970. `seenAt`: when they were last active, of somebody who is not there. */
export interface Status {
  state: Exclude<Chosen, "hidden"> | "offline";
  text: string | null;
  until: number | null;
  seenAt: number | null;
}

export interface OwnStatus {
  state: Chosen;
  text: string | null;
  until: number | null;
  /** Nothing rings while it lasts. */
  silent: boolean;
}

const FIELD = "org.chappe.status";
const PATH = "/_chappe/client/v1/status";
const NOTHING: OwnStatus = { state: "available", text: null, until: null, silent: false };
const MOST_WORDS = 80;

export class Statuses {
  readonly changed = new Signal(50);
  private chosen: OwnStatus = NOTHING;
  private on = false;
  /** What was said last of oneself, but for when one was active. */
  private told = "";
  /** One value while nothing changes, so that what shows it is not drawn again. */
  private readonly known = new Map<string, Status>();

  constructor(private readonly client: MatrixClient) {
    // not the users' own events: of one's own the SDK passes none on
    client.on(ClientEvent.Event, (event) => {
      if (event.getType() === "m.presence") this.moved(event);
    });
  }

  private moved(event: MatrixEvent): void {
    const id = event.getSender();
    if (!id) return;
    this.known.delete(id);
    if (id === this.client.getUserId() && this.mayBeAnother(event)) void this.begin();
    this.changed.fire();
  }

  /**
   * Whether one's own status may be another than is known here. Coming and going is not; what is told although nothing in it has changed
   * hides what others are not told: that nothing rings.
   */
  private mayBeAnother(event: MatrixEvent): boolean {
    const { last_active_ago, ...content } = readable(event).content ?? {};
    const whole = JSON.stringify(content);
    const isAgain = whole === this.told;
    this.told = whole;
    const said = chosenOf(content[FIELD]);
    const hides = !said && content.presence === "offline"; // as one is not, who hears of it
    const { own } = this;
    if (isAgain || hides !== (own.state === "hidden")) return true;
    return !hides && signOf(said) !== signOf(own);
  }

  /** Whether there are statuses here at all. */
  get isOn(): boolean {
    return this.on;
  }

  get own(): OwnStatus {
    return isOver(this.chosen) ? NOTHING : this.chosen;
  }

  /** Whether one has chosen that nothing rings now. */
  isSilent(): boolean {
    return this.own.silent;
  }

  /** Asks the server for one's own. */
  async begin(): Promise<void> {
    type Answer = { enabled?: boolean } & Partial<OwnStatus>;
    const answer = await this.client.http
      .authedRequest<Answer>(Method.Get, PATH, undefined, undefined, { prefix: "" })
      .catch(() => null);
    if (!answer) return;
    const { enabled, ...own } = answer;
    this.on = enabled === true;
    this.chosen = { ...NOTHING, ...own };
    this.changed.fire();
  }

  /** `said`: the same as a sentence, for clients that know presence alone. */
  async choose(status: OwnStatus, said: string | null): Promise<void> {
    await this.client.http.authedRequest(Method.Put, PATH, undefined, { ...status, status_msg: said }, { prefix: "" });
    this.chosen = status;
    this.changed.fire();
  }

  /** What somebody is; null where nothing is known. */
  of(id: string): Status | null {
    const before = this.known.get(id);
    if (before && !isOver(before)) return before;
    const status = read(this.client.getUser(id)?.events.presence ?? null, this.client.getUser(id)?.lastPresenceTs ?? 0);
    if (status) this.known.set(id, status);
    return status;
  }
}

/** Being available without words or an end is no status. */
const signOf = (status: (Pick<Status, "text" | "until"> & { state: string }) | null): string => {
  const { state, text, until } = status ?? NOTHING;
  return JSON.stringify([state, text, until]);
};

const isOver = ({ until }: { until: number | null }): boolean => until !== null && until <= clock.now();

function read(event: MatrixEvent | null, at: number): Status | null {
  const content: Record<string, unknown> | null = event && readable(event).content;
  if (!content) return null;
  const ago = typeof content.last_active_ago === "number" ? content.last_active_ago : null;
  const chosen = chosenOf(content[FIELD]);
  if (chosen && !isOver(chosen)) return { ...chosen, seenAt: null };
  // with the end of what was chosen its sentence has ended, too
  const text = chosen ? null : words(content.status_msg);
  if (content.presence === "online") return { state: "available", text, until: null, seenAt: null };
  const seenAt = ago === null ? null : at - ago;
  return { state: content.presence === "unavailable" ? "away" : "offline", text, until: null, seenAt };
}

/** What another client or server has written there. */
function chosenOf(given: unknown): Omit<Status, "seenAt"> | null {
  if (typeof given !== "object" || given === null) return null;
  const { state, text, until } = given as Record<string, unknown>;
  if (state !== "available" && state !== "busy" && state !== "meeting" && state !== "away") return null;
  return { state, text: words(text), until: typeof until === "number" && Number.isFinite(until) ? until : null };
}

const words = (given: unknown): string | null =>
  typeof given === "string" ? given.replace(/\s+/g, " ").trim().slice(0, MOST_WORDS) || null : null;
