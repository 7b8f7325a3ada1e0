import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { QuietHours } from "../../matrix/account";
import type { SettingsViewModel } from "../../viewmodels/settings";
import { Form } from "../ui/form";
import { Icon } from "../ui/icon";
import { Switch } from "../ui/parts";
import { WhenField } from "../ui/when_field";
import { useApp, useMain, useSnapshot } from "../use";

const NIGHT: QuietHours = {
  enabled: true,
  start: "19:30",
  end: "08:00",
  timezone: "Europe/Paris",
  days: [0, 1, 2, 3, 4, 5, 6],
  allow_highlights: true,
};

export function Notifications({ model }: { model: SettingsViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { keywords, everything, quiet, push, busy } = useSnapshot(model);
  const { desktopNotifications, sounds, language } = useSnapshot(app.preferences);
  const [word, setWord] = useState("");
  const hours = quiet ?? { ...NIGHT, enabled: false };
  const setHours = (change: Partial<QuietHours>): void =>
    void model.setQuiet({ ...hours, ...change, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone });
  const blocked = main.notifier.may === "no";
  return (
    <div className="stackv mt4">
      <Switch
        label={t("notify.desktop")}
        hint={t(blocked ? "notify.blocked" : "notify.desktopHint")}
        disabled={blocked}
        on={desktopNotifications}
        onChange={(on) => void (on ? main.notifier.turnOn() : main.notifier.turnOff())}
      />
      <Switch
        label={t("notify.push")}
        hint={t(push && !push.supported ? "notify.pushUnsupported" : "notify.pushHint")}
        disabled={busy || !push?.supported}
        on={push?.on ?? false}
        onChange={(on) => void model.setPush(on, language)}
      />
      <Switch label={t("notify.sounds")} on={sounds} onChange={(on) => app.preferences.choose({ sounds: on })} />
      <Switch
        label={t("notify.everything")}
        hint={t("notify.everythingHint")}
        on={everything}
        disabled={busy}
        onChange={(on) => void model.setEverything(on)}
      />
      <h2 className="h">{t("notify.keywords")}</h2>
      <p className="muted">{t("notify.keywordsHint")}</p>
      <Form
        className="row g2 wrap"
        onSubmit={(event) => {
          event.preventDefault();
          if (word.trim()) void model.addKeyword(word).then((well) => well && setWord(""));
        }}
      >
        <div className="input grow">
          <input
            aria-label={t("notify.keyword")}
            title={t("notify.keyword")}
            placeholder={t("notify.keyword")}
            value={word}
            onChange={(event) => setWord(event.target.value)}
            maxLength={60}
          />
        </div>
        <button type="submit" className="btn" disabled={busy || !word.trim()}>
          {t("add")}
        </button>
      </Form>
      <ul className="row g2 wrap">
        {keywords.map((each) => (
          <li key={each.id} className="tok">
            {each.word}
            <button
              type="button"
              aria-label={t("notify.removeKeyword", { word: each.word })}
              onClick={() => void model.removeKeyword(each.id)}
            >
              <Icon name="x" size={14} />
            </button>
          </li>
        ))}
      </ul>
      <h2 className="h">{t("quiet.title")}</h2>
      <Switch
        label={t("quiet.on")}
        hint={t("quiet.hint")}
        on={hours.enabled}
        disabled={busy}
        onChange={(enabled) => setHours({ enabled })}
      />
      {hours.enabled && (
        <div className="row g4 wrap">
          <WhenField
            what="time"
            label={t("quiet.from")}
            value={hours.start}
            when="done"
            onValue={(start) => start && setHours({ start })}
          />
          <WhenField
            what="time"
            label={t("quiet.to")}
            value={hours.end}
            when="done"
            onValue={(end) => end && setHours({ end })}
          />
          <Switch
            label={t("quiet.mentions")}
            on={hours.allow_highlights}
            onChange={(allow_highlights) => setHours({ allow_highlights })}
          />
        </div>
      )}
    </div>
  );
}
