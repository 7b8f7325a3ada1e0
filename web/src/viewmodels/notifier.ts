/** Telling people that something has come: a message or an invitation, by a notification of the desktop, a sound, a number on the icon. */

import type { SignedIn } from "../matrix/signed_in";
import type { Preferences } from "./preferences";
import type { RoomListViewModel } from "./room_list";

export interface Surroundings {
  isVisible: () => boolean;
  notify: (title: string, body: string, tag: string, icon: string | null, clicked: () => void) => void;
  mayNotify: () => "yes" | "no" | "ask";
  askNotify: () => Promise<boolean>;
  play: () => void;
  setBadge: (count: number) => void;
  text: (key: string, values?: Record<string, string | number>) => string;
}

export class Notifier {
  private readonly off: Array<() => void> = [];

  /** `announce`: says it on the page, and to who does not see the page. */
  constructor(
    matrix: Pick<SignedIn, "notices" | "statuses">,
    private readonly preferences: Preferences,
    private readonly surroundings: Surroundings,
    list: RoomListViewModel,
    openRoom: () => string | null,
    go: (roomId: string) => void,
    announce: (key: string, values: Record<string, string>) => void,
  ) {
    const notices = matrix.notices();
    this.off.push(
      notices.listen((notice) => {
        const { room, sender } = notice;
        if (notice.invites) announce(`list.invited.${notice.invites}`, { name: sender, room });
        if (surroundings.isVisible() && openRoom() === notice.roomId) return;
        if (matrix.statuses.isSilent() && !notice.urgent) return; // it counts as unread, and rings for nobody
        const { sounds, desktopNotifications } = preferences.snapshot();
        if (notice.sound && sounds) surroundings.play();
        if (!desktopNotifications || surroundings.mayNotify() !== "yes") return;
        const kind = notice.invites ? `notification.invites.${notice.invites}` : "notification.message";
        surroundings.notify(
          room === sender ? sender : `${sender} – ${room}`,
          notice.text ?? surroundings.text(kind),
          notice.roomId,
          null,
          () => go(notice.roomId),
        );
      }),
    );
    let shown = -1;
    this.off.push(
      list.subscribe(() => {
        const { unread } = list.snapshot();
        if (unread === shown) return;
        shown = unread;
        surroundings.setBadge(unread);
      }),
    );
  }

  /** Asks the browser, then switches them on. */
  readonly turnOn = async (): Promise<boolean> => {
    const allowed = await this.surroundings.askNotify();
    this.preferences.choose({ desktopNotifications: allowed });
    return allowed;
  };

  readonly turnOff = (): void => this.preferences.choose({ desktopNotifications: false });

  get may(): "yes" | "no" | "ask" {
    return this.surroundings.mayNotify();
  }

  close(): void {
    for (const each of this.off) each();
  }
}
