import { useTranslation } from "react-i18next";
import type { SettingsPage } from "../../viewmodels/route";
import { SettingsViewModel } from "../../viewmodels/settings";
import { useArrival } from "../hands/arrive";
import type { IconName } from "../icons";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/parts";
import { useApp, useMade, useMedia, useSnapshot } from "../use";
import { Appearance } from "./appearance";
import { Devices } from "./devices";
import { Guests, Posts } from "./guests";
import { Help } from "./help";
import { Notifications } from "./notifications";
import { Privacy } from "./privacy";
import { Profile } from "./profile";

const PAGES: Array<[SettingsPage, IconName]> = [
  ["profile", "user"],
  ["notifications", "bell"],
  ["appearance", "palette"],
  ["devices", "laptop"],
  ["guests", "guest"],
  ["posts", "admin"],
  ["privacy", "eye"],
  ["help", "help"],
];

export function Settings({ page }: { page: SettingsPage | null }) {
  const { t } = useTranslation();
  const app = useApp();
  const phone = useMedia("(max-width: 767px)");
  const model = useMade(SettingsViewModel, "settings");
  const { problem, done } = useSnapshot(model);
  const { rules } = useSnapshot(app);
  const pages = PAGES.filter(([each]) => (each !== "guests" && each !== "posts") || (rules && !rules.me.is_guest));
  const Region = phone ? "main" : "section";
  const shown = page ?? (phone ? null : "profile");
  const place = useArrival<HTMLElement>(shown ?? "");
  return (
    <>
      {(!phone || !shown) && (
        <Region className="list" aria-label={t("rail.settings")} data-region tabIndex={-1} ref={shown ? undefined : place}>
          <div className="listhead">
            <h1>{t("rail.settings")}</h1>
          </div>
          <ul className="menu side-menu">
            {pages.map(([each, icon]) => (
              <li key={each}>
                <a href={`#/settings/${each}`} aria-current={shown === each ? "page" : undefined}>
                  <Icon name={icon} />
                  {t(`settings.${each}`)}
                </a>
              </li>
            ))}
          </ul>
        </Region>
      )}
      {shown && (
        <main className="panel scroll" data-region tabIndex={-1} aria-label={t(`settings.${shown}`)} ref={place}>
          <div className="page">
            {phone && (
              <a className="btn quiet" href="#/settings">
                <Icon name="left" size={18} />
                {t("rail.settings")}
              </a>
            )}
            <h1>{t(`settings.${shown}`)}</h1>
            <Problem problem={problem} />
            <p role="status" className={done ? "note info mt2" : "sr"}>
              {done ? t(done) : ""}
            </p>
            {shown === "profile" && <Profile model={model} />}
            {shown === "notifications" && <Notifications model={model} />}
            {shown === "appearance" && <Appearance />}
            {shown === "devices" && <Devices model={model} />}
            {shown === "guests" && <Guests />}
            {shown === "posts" && <Posts />}
            {shown === "privacy" && <Privacy model={model} />}
            {shown === "help" && <Help model={model} />}
          </div>
        </main>
      )}
    </>
  );
}
