/** The account itself: addresses, what is told, Web Push, a copy of everything. */

import {
  Direction,
  type IPushRule,
  type MatrixClient,
  PushRuleActionName,
  PushRuleKind,
  RuleId,
  TweakName,
} from "matrix-js-sdk";
import { clock } from "../platform/clock";
import { readApart } from "./opened";
import type { People } from "./people";
import { readable } from "./readable";
import type { Person } from "./types";

export interface Keyword {
  id: string;
  word: string;
}

export interface PushTarget {
  supported: boolean;
  on: boolean;
}

export interface QuietHours {
  enabled: boolean;
  start: string;
  end: string;
  timezone: string;
  days: number[];
  allow_highlights: boolean;
}

declare module "matrix-js-sdk/lib/@types/event" {
  interface AccountDataEvents {
    [QUIET]: QuietHours;
  }
}

const APP = "org.chappe.web";
const LOCKED = { locked: true }; // what this device could not open
const QUIET = "org.chappe.quiet_hours";

export class Account {
  constructor(
    private readonly client: MatrixClient,
    private readonly people: People,
  ) {}

  async emails(): Promise<string[]> {
    const { threepids } = await this.client.getThreePids();
    return threepids.filter((each) => (each.medium as string) === "email").map((each) => each.address);
  }

  ignored(): Person[] {
    return this.client.getIgnoredUsers().map((id) => this.people.of(null, id));
  }

  // ---------------------------------------------------------------------------------------------------- what is told

  quietHours(): QuietHours | null {
    return this.client.getAccountData(QUIET)?.getContent() ?? null;
  }

  async setQuietHours(hours: QuietHours): Promise<void> {
    await this.client.setAccountData(QUIET, hours);
  }

  keywords(): Keyword[] {
    const rules: IPushRule[] = this.client.pushRules?.global?.content ?? [];
    return rules.filter((each) => !each.default && each.pattern).map((each) => ({ id: each.rule_id, word: each.pattern! }));
  }

  async addKeyword(word: string): Promise<void> {
    await this.client.addPushRule("global", PushRuleKind.ContentSpecific, word, {
      pattern: word,
      actions: [
        PushRuleActionName.Notify,
        { set_tweak: TweakName.Sound, value: "default" },
        { set_tweak: TweakName.Highlight },
      ],
    });
    await this.reload();
  }

  async removeKeyword(id: string): Promise<void> {
    await this.client.deletePushRule("global", PushRuleKind.ContentSpecific, id);
    await this.reload();
  }

  /** Whether every message of a room with several people is told, or only mentions. */
  tellsEverything(): boolean {
    const rule = this.client.pushRules?.global?.underride?.find((each) => each.rule_id === RuleId.EncryptedMessage);
    return rule ? rule.enabled && rule.actions.includes(PushRuleActionName.Notify) : true;
  }

  async setTellsEverything(everything: boolean): Promise<void> {
    for (const rule of [RuleId.EncryptedMessage, RuleId.Message]) {
      await this.client.setPushRuleEnabled("global", PushRuleKind.Underride, rule, everything);
    }
    await this.reload();
  }

  private async reload(): Promise<void> {
    this.client.pushRules = await this.client.getPushRules();
  }

  // -------------------------------------------------------------------------------------------------------- Web Push

  async pushTarget(): Promise<PushTarget> {
    if (!("PushManager" in globalThis) || !("serviceWorker" in navigator)) return { supported: false, on: false };
    const registration = await navigator.serviceWorker.getRegistration();
    const subscription = await registration?.pushManager.getSubscription();
    return { supported: registration !== undefined, on: Boolean(subscription) };
  }

  async subscribe(language: string): Promise<void> {
    const registration = await navigator.serviceWorker.ready;
    const capabilities = (await this.client.getCapabilities()) as Record<string, { vapid?: string }>;
    const key = capabilities["m.webpush"]?.vapid ?? capabilities["org.matrix.msc4174.webpush"]?.vapid;
    const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const { keys } = subscription.toJSON();
    await this.client.setPusher({
      kind: "webpush",
      app_id: APP,
      pushkey: keys!.p256dh,
      lang: language,
      app_display_name: "Chappe",
      device_display_name: navigator.userAgent.slice(0, 60),
      data: { url: subscription.endpoint, auth: keys!.auth, format: "event_id_only" },
      append: true,
    } as never);
  }

  async unsubscribe(): Promise<void> {
    const registration = await navigator.serviceWorker.ready;
    const subscription = await registration.pushManager.getSubscription();
    const key = subscription?.toJSON().keys?.p256dh;
    await subscription?.unsubscribe();
    if (key) await this.client.removePusher(key, APP);
  }

  // ---------------------------------------------------------------------------------------------------- a copy of it all

  /** Everything of the account that this device can read, as JSON. */
  async export(progress: (room: number, of: number) => void): Promise<string> {
    const rooms = this.client.getRooms().filter((each) => each.getMyMembership() === "join");
    const copies = [];
    for (const [index, room] of rooms.entries()) {
      progress(index, rooms.length);
      const messages: object[] = [];
      let from: string | null = null;
      do {
        const answer = await this.client.createMessagesRequest(room.roomId, from, 500, Direction.Backward);
        for (const raw of answer.chunk) {
          const event = await readApart(this.client, raw);
          if (!event.isState())
            messages.push({
              sender: event.getSender(),
              date: new Date(event.getTs()).toISOString(),
              type: event.getType(),
              content: readable(event).content ?? LOCKED,
            });
        }
        from = answer.chunk.length ? (answer.end ?? null) : null;
      } while (from);
      copies.push({
        id: room.roomId,
        name: room.name,
        members: room.getJoinedMembers().map((each) => each.userId),
        messages: messages.reverse(),
      });
    }
    progress(rooms.length, rooms.length);
    const profile = await this.client.getProfileInfo(this.client.getSafeUserId());
    const accountData = [...(this.client.store.accountData?.entries() ?? [])]
      .filter(
        ([type]) =>
          !type.startsWith("m.secret_storage") && !type.startsWith("m.cross_signing") && !type.startsWith("m.megolm_backup"),
      )
      .map(([type, event]) => ({ type, content: event.getWireContent() }));
    return JSON.stringify(
      {
        exported: new Date(clock.now()).toISOString(),
        account: this.client.getUserId(),
        profile,
        emails: await this.emails().catch(() => []),
        account_data: accountData,
        rooms: copies,
      },
      null,
      2,
    );
  }
}
