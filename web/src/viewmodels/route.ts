/** Where somebody is, as the part of the address after #. */

import { type Ask, readAsk, writeAsk } from "./search_ask";

export type Panel =
  | { name: "thread"; id: string }
  | { name: "person"; id: string }
  | { name: "playbook"; id: string }
  | { name: "members" | "pins" | "files" | "details" | "search" };

export type SettingsPage = "profile" | "notifications" | "appearance" | "devices" | "guests" | "posts" | "privacy" | "help";

export type Route =
  | { screen: "home" }
  | { screen: "room"; id: string; event: string | null; panel: Panel | null; via?: string[] }
  | { screen: "forums" }
  | { screen: "files" }
  | { screen: "saved" }
  | { screen: "threads"; room: string | null; thread: string | null }
  | { screen: "search"; ask: Ask }
  | { screen: "settings"; page: SettingsPage | null }
  | { screen: "admin"; organisation: string | null; view: string | null; filter?: string };

const PAGES: SettingsPage[] = ["profile", "notifications", "appearance", "devices", "guests", "posts", "privacy", "help"];

/** Where one is, as the page's address. */
export interface Surface {
  origin: string;
  hash: () => string;
  setHash: (hash: string, replace?: boolean) => void;
  /** `isLink`: a link was followed, rather than the way back. What is returned ends it. */
  onHash: (listener: (isLink: boolean) => void) => () => void;
}

export function readRoute(hash: string): Route {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [screen, ...rest] = path.split("/").map(decodeURIComponent);
  if (screen === "room" && rest[0]) {
    const asked = new URLSearchParams(query);
    const via = asked.getAll("via");
    return { screen: "room", id: rest[0], event: rest[1] || null, panel: readPanel(asked), ...(via.length ? { via } : {}) };
  }
  if (screen === "threads")
    return rest[0] && rest[1] ? { screen, room: rest[0], thread: rest[1] } : { screen, room: null, thread: null };
  if (screen === "search") return { screen, ask: readAsk(query) };
  if (screen === "forums" || screen === "files" || screen === "saved") return { screen };
  if (screen === "settings") return { screen: "settings", page: PAGES.find((each) => each === rest[0]) ?? null };
  if (screen === "admin")
    return { screen, organisation: rest[0] || null, view: rest[1] || null, ...(query ? { filter: query } : {}) };
  return { screen: "home" };
}

export function writeRoute(route: Route): string {
  switch (route.screen) {
    case "home":
      return "#/";
    case "room": {
      const event = route.event ? `/${encodeURIComponent(route.event)}` : "";
      const asked = new URLSearchParams(route.via?.map((each) => ["via", each]));
      if (route.panel) asked.set("panel", route.panel.name);
      if (route.panel && "id" in route.panel) asked.set("id", route.panel.id);
      return `#/room/${encodeURIComponent(route.id)}${event}${asked.size ? `?${asked}` : ""}`;
    }
    case "threads":
      return ["#/threads", route.room, route.thread]
        .map((each, at) => (at && each ? encodeURIComponent(each) : each))
        .filter(Boolean)
        .join("/");
    case "admin":
      return `${["#/admin", route.organisation, route.view].filter((each) => each !== null).join("/")}${route.filter ? `?${route.filter}` : ""}`;
    case "search":
      return ["#/search", writeAsk(route.ask)].filter(Boolean).join("?");
    case "settings":
      return `#/settings${route.page ? `/${route.page}` : ""}`;
    default:
      return `#/${route.screen}`;
  }
}

function readPanel(query: URLSearchParams): Panel | null {
  const name = query.get("panel");
  const id = query.get("id");
  if ((name === "thread" || name === "person" || name === "playbook") && id) return { name, id };
  if (name === "members" || name === "pins" || name === "files" || name === "details" || name === "search") return { name };
  return null;
}

/** Where a link leads, once more: what stands beside its message, its thread perhaps, is there already and stays. */
export function beside(now: Route, next: Route): Route {
  const isSame = now.screen === "room" && next.screen === "room" && now.id === next.id && now.event === next.event;
  return isSame && next.event && !next.panel ? { ...next, panel: now.panel } : next;
}

/** Whether only what is beside the conversation has changed: then one stays where one was in it. */
export function isPanelOnly(before: Route, after: Route): boolean {
  if (before.screen !== "room" || after.screen !== "room" || before.id !== after.id || before.event !== after.event)
    return false;
  return JSON.stringify(before.panel) !== JSON.stringify(after.panel);
}
