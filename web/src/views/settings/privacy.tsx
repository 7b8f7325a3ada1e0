import { useState } from "react";
import { useTranslation } from "react-i18next";
import { clock, isoDay } from "../../platform/clock";
import { keepText } from "../../platform/files";
import { accountPage } from "../../viewmodels/server_pages";
import type { SettingsViewModel } from "../../viewmodels/settings";
import { serverOf } from "../format";
import { Avatar } from "../ui/avatar";
import { Icon } from "../ui/icon";
import { Switch } from "../ui/parts";
import { useApp, useSnapshot } from "../use";
import { MyData } from "./my_data";

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
              {each.name} <span className="muted">{each.organisation ?? serverOf(each.id)}</span>
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
