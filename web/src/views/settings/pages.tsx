import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { QuietHours } from "../../matrix/account";
import { clock, isoDay } from "../../platform/clock";
import { keep, keepText } from "../../platform/files";
import { MyDataViewModel } from "../../viewmodels/my_data";
import { accountPage } from "../../viewmodels/server_pages";
import type { SettingsViewModel } from "../../viewmodels/settings";
import { date } from "../format";
import { Avatar } from "../ui/avatar";
import { Icon } from "../ui/icon";
import { NameField, PictureButton, Problem, Segmented, Switch, ToConfirm } from "../ui/parts";
import { useApp, useMade, useMain, useSnapshot } from "../use";

export function Profile({ model }: { model: SettingsViewModel }) {
  const { t } = useTranslation();
  const { me, nameIsFixed, emails, busy } = useSnapshot(model);
  const [name, setName] = useState(me.name);
  return (
    <form
      className="stackv narrow mt4"
      onSubmit={(event) => {
        event.preventDefault();
        void model.setName(name);
      }}
    >
      <div className="row g4 wrap">
        <Avatar id={me.id} name={me.name} picture={me.avatar} size={88} />
        <div className="row g2 wrap">
          <PictureButton label={t("firstRun.choosePicture")} disabled={busy} onPick={(each) => void model.setPicture(each)} />
          {me.avatar && (
            <button type="button" className="btn quiet" disabled={busy} onClick={() => void model.setPicture(null)}>
              {t("profile.noPicture")}
            </button>
          )}
        </div>
      </div>
      <NameField name={name} isFixed={nameIsFixed} onText={setName} />
      {!nameIsFixed && (
        <div>
          <button type="submit" className="btn main" disabled={busy || !name.trim() || name.trim() === me.name}>
            {t("save")}
          </button>
        </div>
      )}
      <dl className="facts mt4">
        {me.organisation && (
          <>
            <dt>{t("profile.organisation")}</dt>
            <dd>{me.organisation}</dd>
          </>
        )}
        <dt>{t("person.id")}</dt>
        <dd className="anywhere">{me.id}</dd>
        {emails.map((each) => (
          <FragmentRow key={each} label={t("profile.email")} text={each} />
        ))}
      </dl>
      <p>
        <a className="link" href={accountPage()} target="_blank" rel="noreferrer">
          {t("profile.account")}
        </a>
      </p>
    </form>
  );
}

const FragmentRow = ({ label, text }: { label: string; text: string }) => (
  <>
    <dt>{label}</dt>
    <dd className="anywhere">{text}</dd>
  </>
);

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
      <form
        className="row g2 wrap"
        onSubmit={(event) => {
          event.preventDefault();
          if (word.trim()) void model.addKeyword(word).then((well) => well && setWord(""));
        }}
      >
        <div className="input grow">
          <input
            aria-label={t("notify.keyword")}
            placeholder={t("notify.keyword")}
            value={word}
            onChange={(event) => setWord(event.target.value)}
            maxLength={60}
          />
        </div>
        <button type="submit" className="btn" disabled={busy || !word.trim()}>
          {t("add")}
        </button>
      </form>
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
          <label className="row g2">
            {t("quiet.from")}
            <input
              type="time"
              className="input auto"
              value={hours.start}
              onChange={(event) => event.target.value && setHours({ start: event.target.value })}
            />
          </label>
          <label className="row g2">
            {t("quiet.to")}
            <input
              type="time"
              className="input auto"
              value={hours.end}
              onChange={(event) => event.target.value && setHours({ end: event.target.value })}
            />
          </label>
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

export function Appearance() {
  const { t } = useTranslation();
  const app = useApp();
  const { theme, contrast, density, textSize, motion, language, enterSends, richText } = useSnapshot(app.preferences);
  const { choose } = app.preferences;
  return (
    <div className="stackv mt4">
      <Segmented
        label={t("appearance.language")}
        value={language}
        options={[
          ["fr", "Français"],
          ["en", "English"],
        ]}
        onChange={(each) => choose({ language: each })}
      />
      <Segmented
        label={t("appearance.theme")}
        value={theme}
        options={[
          ["system", t("appearance.system")],
          ["light", t("appearance.light")],
          ["dark", t("appearance.dark")],
        ]}
        onChange={(each) => choose({ theme: each })}
      />
      <Segmented
        label={t("appearance.contrast")}
        value={contrast}
        options={[
          ["system", t("appearance.system")],
          ["more", t("appearance.more")],
        ]}
        onChange={(each) => choose({ contrast: each })}
      />
      <Segmented
        label={t("appearance.density")}
        value={density}
        options={[
          ["comfortable", t("appearance.comfortable")],
          ["compact", t("appearance.compact")],
        ]}
        onChange={(each) => choose({ density: each })}
      />
      <Segmented
        label={t("appearance.size")}
        value={String(textSize)}
        options={[
          ["90", t("appearance.small")],
          ["100", t("appearance.normal")],
          ["115", t("appearance.large")],
          ["130", t("appearance.larger")],
        ]}
        onChange={(each) => choose({ textSize: Number(each) })}
      />
      <Segmented
        label={t("appearance.motion")}
        value={motion}
        options={[
          ["system", t("appearance.system")],
          ["reduce", t("appearance.reduce")],
        ]}
        onChange={(each) => choose({ motion: each })}
      />
      <Switch
        label={t("appearance.enter")}
        hint={t("appearance.enterHint")}
        on={enterSends}
        onChange={(each) => choose({ enterSends: each })}
      />
      <Switch
        label={t("appearance.rich")}
        hint={t("appearance.richHint")}
        on={richText}
        onChange={(each) => choose({ richText: each })}
      />
    </div>
  );
}

export function Privacy({ model }: { model: SettingsViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const { ignored } = useSnapshot(model);
  const { sendTyping, privateReceipts, linkPreviews } = useSnapshot(app.preferences);
  const { rules } = useSnapshot(app);
  const [progress, setProgress] = useState<string | null>(null);
  const copy = async (): Promise<void> => {
    setProgress(t("export.begun"));
    const text = await model.exportData((room, of) => setProgress(t("export.progress", { room, of }))).catch(() => null);
    if (text) keepText(text, `chappe-${isoDay(clock.now())}.json`, "application/json");
    setProgress(t(text ? "export.done" : "export.failed"));
  };
  return (
    <div className="stackv mt4">
      <Switch
        label={t("privacy.receipts")}
        hint={t("privacy.receiptsHint")}
        on={!privateReceipts}
        onChange={(on) => app.preferences.choose({ privateReceipts: !on })}
      />
      <Switch label={t("privacy.typing")} on={sendTyping} onChange={(on) => app.preferences.choose({ sendTyping: on })} />
      <Switch
        label={t("privacy.previews")}
        hint={t("privacy.previewsHint")}
        on={linkPreviews}
        onChange={(on) => app.preferences.choose({ linkPreviews: on })}
      />
      <h2 className="h">{t("privacy.ignored")}</h2>
      {ignored.length === 0 && <p className="muted">{t("privacy.nobody")}</p>}
      <ul className="devl">
        {ignored.map((each) => (
          <li key={each.id} className="dev">
            <Avatar id={each.id} name={each.name} picture={each.avatar} />
            <span className="grow anywhere">
              {each.name} <span className="muted">{each.id}</span>
            </span>
            <button type="button" className="btn small" onClick={() => void model.setIgnored(each.id, false)}>
              {t("person.unignore")}
            </button>
          </li>
        ))}
      </ul>
      <h2 className="h">{t("export.title")}</h2>
      <p className="muted">{t("export.text")}</p>
      <div className="row g3 wrap">
        <button
          type="button"
          className="btn"
          disabled={progress !== null && progress !== t("export.done") && progress !== t("export.failed")}
          onClick={() => void copy()}
        >
          <Icon name="download" size={18} />
          {t("export.do")}
        </button>
        <span role="status">{progress}</span>
      </div>
      {rules && <MyData />}
      <h2 className="h">{t("privacy.account")}</h2>
      <p>
        <a className="link" href={accountPage("org.matrix.account_deactivate")} target="_blank" rel="noreferrer">
          {t("privacy.close")}
        </a>
      </p>
    </div>
  );
}

/** What the service itself has of somebody, packed by the server: it may take a while. */
function MyData() {
  const { t } = useTranslation();
  const model = useMade(MyDataViewModel, "my data");
  const { packages, confirm, fetching, busy, problem } = useSnapshot(model);
  const going = packages?.some((each) => each.state === "waiting" || each.state === "working") ?? false;
  return (
    <section aria-label={t("myData.title")}>
      <h2 className="h">{t("myData.title")}</h2>
      <p className="muted">{t("myData.text")}</p>
      <Problem problem={problem} />
      {confirm && <ToConfirm text={t("myData.confirm")} page={confirm.page} />}
      <div className="row g3 wrap mt2">
        <button type="button" className="btn" disabled={busy || going} onClick={() => void model.ask()}>
          <Icon name="archive" size={18} />
          {t(confirm ? "myData.confirmed" : "myData.ask")}
        </button>
        <span role="status">{going ? t("myData.making") : ""}</span>
      </div>
      <ul className="stackv mt2">
        {packages
          ?.filter((each) => each.state === "ready" || each.state === "failed")
          .map((each) => (
            <li key={each.id}>
              {each.state === "failed" ? (
                t("myData.failed")
              ) : (
                <button
                  type="button"
                  className="link"
                  onClick={() =>
                    void model.fetch(each.id).then((blob) => blob && keep(URL.createObjectURL(blob), "chappe.zip"))
                  }
                >
                  {t(fetching?.id === each.id ? "myData.fetch" : "myData.ready", { date: date(each.created_ts) })}
                </button>
              )}
              {fetching?.id === each.id && <ToConfirm text={t("myData.confirmFetch")} page={fetching.page} />}
            </li>
          ))}
      </ul>
    </section>
  );
}

const KEYS: Array<[string, string]> = [
  ["Ctrl K", "keys.switcher"],
  ["Alt N", "keys.new"],
  ["F6", "keys.region"],
  ["↑", "keys.edit"],
  ["Échap", "keys.escape"],
  ["Ctrl B", "format.bold"],
  ["Ctrl I", "format.italic"],
  ["Ctrl E", "format.code"],
];

export function Help({ model }: { model: SettingsViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { configuration } = useSnapshot(app);
  const { me } = useSnapshot(model);
  const { deviceId, standing } = model.diagnosis;
  const about = `Chappe ${import.meta.env.MODE}\n${me.id}\n${deviceId}\n${navigator.userAgent}\n${standing}`;
  return (
    <div className="stackv mt4">
      <h2 className="h">{t("help.keys")}</h2>
      <dl className="facts">
        {KEYS.map(([key, text]) => (
          <FragmentRow key={key} label={key} text={t(text)} />
        ))}
      </dl>
      {Object.keys(configuration?.brand.links ?? {}).length > 0 && (
        <>
          <h2 className="h">{t("help.links")}</h2>
          <ul className="bullets">
            {Object.entries(configuration!.brand.links).map(([name, url]) => (
              <li key={name}>
                <a className="link" href={url} target="_blank" rel="noreferrer">
                  {t(`link.${name}`)}
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
      <h2 className="h">{t("help.free")}</h2>
      <p>{t("help.freeText")}</p>
      <p>
        <a className="link" href="/licences.txt" target="_blank" rel="noreferrer">
          {t("help.licences")}
        </a>
      </p>
      <h2 className="h">{t("help.diagnosis")}</h2>
      <p className="muted">{t("help.diagnosisText")}</p>
      <pre className="code-sample">{about}</pre>
      <div>
        <button
          type="button"
          className="btn"
          onClick={() => void navigator.clipboard.writeText(about).then(() => main.say("help.copied"))}
        >
          <Icon name="copy" size={18} />
          {t("help.copy")}
        </button>
      </div>
    </div>
  );
}
