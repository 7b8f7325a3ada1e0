import { useTranslation } from "react-i18next";
import type { SettingsViewModel } from "../../viewmodels/settings";
import { Icon } from "../ui/icon";
import { useApp, useMain, useSnapshot } from "../use";
import { Fact } from "./fact";

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
  const links = Object.entries(configuration?.brand.links ?? {});
  const { me } = useSnapshot(model);
  const { deviceId, standing } = model.diagnosis;
  const about = `Chappe ${import.meta.env.VERSION}\n${me.id}\n${deviceId}\n${navigator.userAgent}\n${standing}`;
  return (
    <div className="stackv mt4">
      <h2 className="h">{t("help.keys")}</h2>
      <dl className="facts">
        {KEYS.map(([key, text]) => (
          <Fact key={key} label={key} text={t(text)} />
        ))}
      </dl>
      {links.length > 0 && (
        <>
          <h2 className="h">{t("help.links")}</h2>
          <ul className="bullets">
            {links.map(([name, url]) => (
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
