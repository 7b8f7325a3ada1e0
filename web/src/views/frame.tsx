import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Route } from "../viewmodels/route";
import { writeRoute } from "../viewmodels/route";
import { NOTHING } from "../viewmodels/search_ask";
import type { IconName } from "./icons";
import { useStatuses, useStatusWords } from "./status";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { Menu } from "./ui/menu";
import { useApp, useMain, useSnapshot } from "./use";

const StatusDialog = lazy(() => import("./status_dialog").then((each) => ({ default: each.StatusDialog })));

interface Place {
  name: string;
  icon: IconName;
  route: Route;
  feature?: string;
  /** Only for whoever administers something. */
  admin?: boolean;
}

const PLACES: Place[] = [
  { name: "rail.rooms", icon: "chat", route: { screen: "home" } },
  { name: "rail.search", icon: "search", route: { screen: "search", ask: NOTHING } },
  { name: "rail.forums", icon: "forum", route: { screen: "forums" }, feature: "forums" },
  { name: "rail.files", icon: "folder", route: { screen: "files" } },
  { name: "rail.admin", icon: "admin", route: { screen: "admin", organisation: null, view: null }, admin: true },
];

/** The rail of a desktop, the bottom bar of a phone. */
export function Rail({ phone = false }: { phone?: boolean }) {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { configuration, rights, rules } = useSnapshot(app);
  const { route } = useSnapshot(main);
  const { mentions } = useSnapshot(main.list);
  const places = PLACES.filter((each) => {
    if (each.feature === "forums" && rules?.me.is_guest) return false;
    return (!each.feature || configuration?.features[each.feature] !== false) && (!each.admin || rights !== null);
  });
  const current = (each: Route): boolean =>
    each.screen === route.screen || (each.screen === "home" && ["room", "threads", "saved"].includes(route.screen));
  const links = places.map((each) => (
    <li key={each.name}>
      <a className="nav" href={writeRoute(each.route)} aria-current={current(each.route) ? "page" : undefined}>
        <span className="pill">
          <Icon name={each.icon} size={22} />
        </span>
        <span className="navname">{t(each.name)}</span>
        {each.route.screen === "home" && mentions > 0 && (
          <span className="count">
            {mentions > 99 ? "99+" : mentions}
            <span className="sr"> {t("mentions")}</span>
          </span>
        )}
      </a>
    </li>
  ));
  if (phone)
    return (
      <nav className="tabs" aria-label={t("rail.label")} data-region>
        <ul>
          {links}
          <li>
            <a className="nav" href="#/settings" aria-current={route.screen === "settings" ? "page" : undefined}>
              <span className="pill">
                <Icon name="sliders" size={22} />
              </span>
              <span className="navname">{t("rail.settings")}</span>
            </a>
          </li>
        </ul>
      </nav>
    );
  return (
    <nav className="rail" aria-label={t("rail.label")} data-region tabIndex={-1}>
      <a className="logo" href="#/" aria-label={configuration?.brand.name ?? "Chappe"}>
        {configuration?.brand.logoUrl ? (
          <img src={configuration.brand.logoUrl} alt="" width="28" height="28" />
        ) : (
          <Icon name="logo" size={28} />
        )}
      </a>
      <ul>{links}</ul>
      <div className="sp" />
      {configuration?.brand.links.help && (
        <a className="nav" href={configuration.brand.links.help} target="_blank" rel="noreferrer">
          <span className="pill">
            <Icon name="help" size={22} />
          </span>
          <span className="navname">{t("link.help")}</span>
        </a>
      )}
      <AccountMenu />
    </nav>
  );
}

export function AccountMenu({ size = 40 }: { size?: number }) {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { me } = useSnapshot(app);
  const { isOn, own } = useSnapshot(useStatuses());
  const words = useStatusWords();
  const [isChoosing, setChoosing] = useState(false);
  if (!me) return null;
  const isPlain = own.state === "available" && !own.text;
  const status = isPlain ? [] : [own.text && own.state === "available" ? own.text : words(own)];
  return (
    <>
      <Menu
        label={[t("account.menu", { name: me.name }), ...status].join(", ")}
        className="nav account"
        choices={[
          ...(isOn
            ? [
                {
                  name: isPlain ? t("status.mine") : t("status.mineNow", { status: status[0] }),
                  icon: "clock" as const,
                  run: () => setChoosing(true),
                },
              ]
            : []),
          { name: t("settings.profile"), icon: "user", run: () => main.go({ screen: "settings", page: "profile" }) },
          { name: t("settings.devices"), icon: "laptop", run: () => main.go({ screen: "settings", page: "devices" }) },
          { name: t("rail.settings"), icon: "sliders", run: () => main.go({ screen: "settings", page: null }) },
          {
            name: t("account.signOut"),
            icon: "logout",
            danger: true,
            run: () => main.go({ screen: "settings", page: "devices" }),
          },
        ]}
      >
        <Avatar
          id={me.id}
          name={me.name}
          picture={me.avatar}
          size={size}
          dot={isOn && <span className={`dot ${own.state === "hidden" ? "offline" : own.state}`} />}
        />
      </Menu>
      {isChoosing && (
        <Suspense>
          <StatusDialog onClose={() => setChoosing(false)} />
        </Suspense>
      )}
    </>
  );
}

/** What concerns the whole client: no network, a device that is not confirmed, no recovery code. */
export function Banner() {
  const { t } = useTranslation();
  const app = useApp();
  const { connection, encryption } = useSnapshot(app);
  return (
    <div role="status">
      {connection === "offline" ? (
        <p className="banner warn">
          <Icon name="warn" size={18} />
          <span className="grow">{t("offline")}</span>
          <button type="button" className="link" onClick={app.retry}>
            {t("retry")}
          </button>
        </p>
      ) : encryption === "unconfirmed" ? (
        <p className="banner warn">
          <Icon name="key" size={18} />
          <span className="grow">{t("banner.unconfirmed")}</span>
          <button type="button" className="link" onClick={app.askConfirm}>
            {t("banner.confirm")}
          </button>
        </p>
      ) : encryption === "no-code" ? (
        <p className="banner info">
          <Icon name="key" size={18} />
          <span className="grow">{t("banner.noCode")}</span>
          <button type="button" className="link" onClick={app.replaceCode}>
            {t("banner.makeCode")}
          </button>
        </p>
      ) : null}
    </div>
  );
}
