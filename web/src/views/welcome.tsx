import { useTranslation } from "react-i18next";
import { useArrival } from "./hands/arrive";
import type { IconName } from "./icons";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { useApp, useMain, useSnapshot } from "./use";

export function Welcome() {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { me, encryption } = useSnapshot(app);
  const { desktopNotifications } = useSnapshot(app.preferences);
  const place = useArrival<HTMLElement>("home");
  if (!me) return null;
  const ready = encryption === "ready";
  return (
    <main className="panel middle" data-region tabIndex={-1} ref={place}>
      <div className="wel">
        <div className="row g4">
          <Avatar id={me.id} name={me.name} picture={me.avatar} size={64} />
          <div>
            <h1>{t("welcome.title", { name: me.name.split(" ")[0] })}</h1>
            <p className="muted">
              {t("welcome.as")} <b className="strong ink">{me.name}</b>
              {me.organisation ? `, ${me.organisation}` : ""}.
            </p>
          </div>
        </div>
        <Beginnings />
        <h2>{t("welcome.safe")}</h2>
        <ul className="todo">
          <li className={ready ? "done" : ""}>
            <Icon name={ready ? "check" : "key"} />
            <span className="grow">{t("welcome.code")}</span>
            {ready ? (
              <span className="tag ok">{t("done")}</span>
            ) : (
              <button type="button" className="link" onClick={encryption === "unconfirmed" ? app.askConfirm : app.replaceCode}>
                {t("welcome.codeDo")}
              </button>
            )}
          </li>
          <li className={desktopNotifications ? "done" : ""}>
            <Icon name={desktopNotifications ? "check" : "bell"} />
            <span className="grow">{t("welcome.notify")}</span>
            {desktopNotifications ? (
              <span className="tag ok">{t("done")}</span>
            ) : (
              <button type="button" className="link" onClick={() => void main.notifier.turnOn()}>
                {t("turnOn")}
              </button>
            )}
          </li>
        </ul>
      </div>
    </main>
  );
}

/** What somebody who has no conversation yet can do first. */
export function Beginnings() {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { configuration, rules } = useSnapshot(app);
  if (rules?.me.is_guest) return <p className="note info">{t("welcome.guest")}</p>;
  return (
    <>
      <h2>{t("welcome.begin")}</h2>
      <ul className="was">
        <Start icon="chat" title={t("welcome.write")} text={t("welcome.writeText")} run={() => main.openCreate("direct")} />
        <Start icon="users" title={t("welcome.create")} text={t("welcome.createText")} run={() => main.openCreate("private")} />
        {configuration?.features.forums !== false && (
          <Start
            icon="forum"
            title={t("welcome.forums")}
            text={t("welcome.forumsText")}
            run={() => main.go({ screen: "forums" })}
          />
        )}
      </ul>
    </>
  );
}

function Start({ icon, title, text, run }: { icon: IconName; title: string; text: string; run: () => void }) {
  return (
    <li>
      <button type="button" className="wa" onClick={run}>
        <span className="ci">
          <Icon name={icon} size={24} />
        </span>
        <span className="grow">
          <b>{title}</b>
          <span className="muted">{text}</span>
        </span>
        <Icon name="right" />
      </button>
    </li>
  );
}
