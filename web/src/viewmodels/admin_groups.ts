/** The console's menu: few entries, each with its lists beside each other. */

import type { Overview } from "../matrix/console";
import { IN_MENU } from "./admin_filters";
import { EVERYWHERE, type View, viewsFor } from "./admin_views";

export interface Group {
  name: string;
  icon: View["icon"];
  views: View[];
}

const GROUPS: Array<[name: string, icon: View["icon"], views: string[]]> = [
  ["overview", "grid", ["overview", "statistics"]],
  ["todo", "flag", ["requests", "reports", "alerts", "files"]],
  ["people", "users", ["people", "leavers", "former", "functions"]],
  ["guests", "guest", ["guests", "awaited"]],
  ["rooms", "chat", ["rooms", "announcements"]],
  ["kept", "folder", ["exports", "holds"]],
  ["organisation", "admin", ["administrators", "organisations"]],
  ["audit", "journal", ["audit"]],
];

/** Of an organisation, or of the whole installation: those that have something to show. */
export function groupsFor(organisation: string): Group[] {
  const views = viewsFor(organisation).map((view) => shownIn(view, organisation));
  return GROUPS.flatMap(([name, icon, names]) => {
    const known = names.flatMap((each) => views.filter((view) => view.name === each));
    return known.length ? [{ name, icon, views: known }] : [];
  });
}

/** Whose people they are is said where there are several's. */
const shownIn = (view: View, organisation: string): View =>
  organisation === EVERYWHERE ? view : { ...view, columns: view.columns.filter(([field]) => field !== "organisation_label") };

/** How many there are to see to in some lists; accounts are only counted. */
export function toSee(numbers: Overview | null, views: View[]): number {
  const due = IN_MENU.filter((each) => each !== "people" && views.some(({ name }) => name === each));
  return numbers ? due.reduce((sum, each) => sum + numbers[each], 0) : 0;
}
