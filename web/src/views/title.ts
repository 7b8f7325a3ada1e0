/** How the page is called: by the screen, then by the service. */

import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import type { Route } from "../viewmodels/route";
import { useApp, useSnapshot } from "./use";

/** Of a conversation the title does not say which: the browser's history outlives the session. */
const SCREENS: Record<Route["screen"], string> = {
  home: "rail.rooms",
  room: "title.room",
  forums: "rail.forums",
  files: "rail.files",
  saved: "title.saved",
  threads: "threads.title",
  search: "search.title",
  settings: "rail.settings",
  admin: "rail.admin",
};

export function useRouteTitle(route: Route): void {
  const { t } = useTranslation();
  const part =
    route.screen === "room" && route.panel
      ? t(`panel.${route.panel.name}`)
      : route.screen === "settings" && route.page
        ? t(`settings.${route.page}`)
        : route.screen === "admin" && route.view
          ? t(`admin.view.${route.view}`)
          : null;
  useTitle([part, t(SCREENS[route.screen])].filter(Boolean).join(" – "));
}

/** What is unread stands before it, and stays. `screen`: null while there is none to name, undefined where another part says it. */
export function useTitle(screen: string | null | undefined): void {
  const { configuration } = useSnapshot(useApp());
  const brand = configuration?.brand.name;
  useEffect(() => {
    if (screen === undefined || !brand) return;
    const unread = /^\(\d+\) /.exec(document.title)?.[0] ?? "";
    document.title = unread + (screen ? `${screen} – ${brand}` : brand);
  }, [screen, brand]);
}
