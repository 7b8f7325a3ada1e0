/** The browser as view models need it: its address, its notifications, what was shared with the client. */

import { text } from "../i18n/text";
import { clock } from "../platform/clock";
import { takeShared } from "../platform/shared";
import type { Page } from "../viewmodels/app";

/** Stands with each place of the browser's history that one has been to: a link that is followed brings one without. */
const BEEN = { been: true };

export function thisPage(): Page {
  const query = new URLSearchParams(location.search);
  return {
    query,
    origin: location.origin,
    hash: () => location.hash,
    setHash: (hash, replace = false) => {
      if (replace || hash === location.hash) history.replaceState(BEEN, "", `/${hash}`);
      else history.pushState(BEEN, "", `/${hash}`);
    },
    onHash: (listener) => {
      history.replaceState(BEEN, "");
      const look = (): void => {
        const isLink = history.state === null;
        if (isLink) history.replaceState(BEEN, "");
        listener(isLink);
      };
      addEventListener("popstate", look);
      addEventListener("hashchange", look);
      return () => {
        removeEventListener("popstate", look);
        removeEventListener("hashchange", look);
      };
    },
    leave: (url) => location.assign(url),
    takeShared: async () => {
      const id = query.get("shared");
      return id && "caches" in window ? takeShared(id, caches, clock.now()) : null;
    },
    isVisible: () => document.visibilityState === "visible" && document.hasFocus(),
    notify: (title, body, tag, icon, clicked) => {
      const notification = new Notification(title, { body, tag, icon: icon ?? "/icons/icon-192.png" });
      notification.onclick = () => {
        window.focus();
        notification.close();
        clicked();
      };
    },
    mayNotify: () =>
      !("Notification" in window) || Notification.permission === "denied"
        ? "no"
        : Notification.permission === "granted"
          ? "yes"
          : "ask",
    askNotify: async () => "Notification" in window && (await Notification.requestPermission()) === "granted",
    play: chime,
    setBadge: (count) => {
      document.title = count
        ? `(${count}) ${document.title.replace(/^\(\d+\) /, "")}`
        : document.title.replace(/^\(\d+\) /, "");
      if (count) void navigator.setAppBadge?.(count).catch(() => {});
      else void navigator.clearAppBadge?.().catch(() => {});
    },
    text,
  };
}

/** Two soft notes, made here: no file to fetch. */
function chime(): void {
  const context = new AudioContext();
  for (const [index, frequency] of [659, 880].entries()) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const at = context.currentTime + index * 0.12;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, at);
    volume.gain.exponentialRampToValueAtTime(0.12, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.32);
  }
  clock.after(800, () => void context.close());
}
