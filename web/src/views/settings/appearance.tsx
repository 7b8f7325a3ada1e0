import { useTranslation } from "react-i18next";
import { Segmented, Switch } from "../ui/parts";
import { useApp, useSnapshot } from "../use";

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
          ["fr", "Français", "fr"],
          ["en", "English", "en"],
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
