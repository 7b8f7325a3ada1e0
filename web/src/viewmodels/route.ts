/** Where somebody is, as the part of the address after #. */

export type Panel =
  | { name: "thread"; id: string }
  | { name: "person"; id: string }
  | { name: "members" | "pins" | "files" | "details" | "search" };

export type SettingsPage = "profile" | "notifications" | "appearance" | "devices" | "guests" | "posts" | "privacy" | "help";

export type Route =
  | { screen: "home" }
  | { screen: "room"; id: string; event: string | null; panel: Panel | null }
  | { screen: "forums" }
  | { screen: "files" }
  | { screen: "settings"; page: SettingsPage | null }
  | { screen: "admin"; organisation: string | null; view: string | null };

const PAGES: SettingsPage[] = ["profile", "notifications", "appearance", "devices", "guests", "posts", "privacy", "help"];

export function readRoute(hash: string): Route {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [screen, ...rest] = path.split("/").map(decodeURIComponent);
  if (screen === "room" && rest[0])
    return { screen: "room", id: rest[0], event: rest[1] ?? null, panel: readPanel(new URLSearchParams(query)) };
  if (screen === "forums" || screen === "files") return { screen };
  if (screen === "settings") return { screen: "settings", page: PAGES.find((each) => each === rest[0]) ?? null };
  if (screen === "admin") return { screen: "admin", organisation: rest[0] || null, view: rest[1] || null };
  return { screen: "home" };
}

export function writeRoute(route: Route): string {
  switch (route.screen) {
    case "home":
      return "#/";
    case "room": {
      const event = route.event ? `/${encodeURIComponent(route.event)}` : "";
      const panel = route.panel
        ? `?${new URLSearchParams({ panel: route.panel.name, ...("id" in route.panel ? { id: route.panel.id } : {}) })}`
        : "";
      return `#/room/${encodeURIComponent(route.id)}${event}${panel}`;
    }
    case "admin":
      return ["#/admin", route.organisation, route.view].filter((each) => each !== null).join("/");
    case "settings":
      return `#/settings${route.page ? `/${route.page}` : ""}`;
    default:
      return `#/${route.screen}`;
  }
}

function readPanel(query: URLSearchParams): Panel | null {
  const name = query.get("panel");
  const id = query.get("id");
  if ((name === "thread" || name === "person") && id) return { name, id };
  if (name === "members" || name === "pins" || name === "files" || name === "details" || name === "search") return { name };
  return null;
}
