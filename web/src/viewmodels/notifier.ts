/** Telling people that something has come: a notification of the desktop, a sound, a number on the icon. */

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
  text: (key: string, values?: Record<string, string>) => string;
}

export class Notifier {
  private readonly off: Array<() => void> = [];

  constructor(
    matrix: Pick<SignedIn, "notices" | "statuses">,
    private readonly preferences: Preferences,
    private readonly surroundings: Surroundings,
    list: RoomListViewModel,
    openRoom: () => string | null,
    go: (roomId: string) => void,
  ) {
    const notices = matrix.notices();
    this.off.push(
      notices.listen((notice) => {
        if (surroundings.isVisible() && openRoom() === notice.roomId) return;
        if (matrix.statuses.isSilent() && !notice.urgent) return; // it counts as unread, and rings for nobody
        const { sounds, desktopNotifications } = preferences.snapshot();
        if (notice.sound && sounds) surroundings.play();
        if (!desktopNotifications || surroundings.mayNotify() !== "yes") return;
        const body = notice.text ?? surroundings.text("notification.message");
        surroundings.notify(
          notice.room === notice.sender ? notice.sender : `${notice.sender} – ${notice.room}`,
          body,
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
