/** What is set of a room, one thing at a time. The room says what went wrong. */

import type { SomeConversation } from "../matrix/signed_in";
import type { RoomDetails } from "../matrix/types";

/** Runs an action; what goes wrong is shown. Resolves whether it went well. */
type Attempt = (action: () => Promise<unknown>) => Promise<boolean>;

export class RoomSettings {
  constructor(
    private readonly conversation: Pick<SomeConversation, "settings">,
    private readonly attempt: Attempt,
  ) {}

  private get settings(): SomeConversation["settings"] {
    return this.conversation.settings;
  }

  /** Name and description, each where it has changed. */
  readonly describe = async (before: Pick<RoomDetails, "name" | "topic">, name: string, topic: string): Promise<boolean> => {
    const named = name.trim() === before.name || (await this.attempt(() => this.settings.setName(name.trim())));
    const described = topic.trim() === before.topic || (await this.attempt(() => this.settings.setTopic(topic.trim())));
    return named && described;
  };

  readonly setPicture = (picture: Blob): Promise<boolean> => this.attempt(() => this.settings.setPicture(picture));
  readonly setHistory = (visibility: string): Promise<boolean> => this.attempt(() => this.settings.setHistory(visibility));
  readonly setKnocking = (open: boolean): Promise<boolean> => this.attempt(() => this.settings.setKnocking(open));
  readonly setNotifications = (wanted: RoomDetails["notifications"]): Promise<boolean> =>
    this.attempt(() => this.settings.setNotifications(wanted));
  readonly classify = (level: string): Promise<boolean> => this.attempt(() => this.settings.classify(level));
  readonly openToGuests = (): Promise<boolean> => this.attempt(() => this.settings.openToGuests());
  readonly pin = (eventId: string, pinned: boolean): Promise<boolean> => this.attempt(() => this.settings.pin(eventId, pinned));
}
