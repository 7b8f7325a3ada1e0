import { createRoot } from "react-dom/client";
import "../styles/fonts.css";
import "../styles/tokens.css";
import "../styles/base.css";
import "../styles/getting_in.css";
import "../styles/client.css";
import "../styles/admin.css";
import "../styles/hands.css";
import { I18nProvider } from "react-aria-components/I18nProvider";
import { useTranslation } from "react-i18next";
import { browserLanguage, changeLanguage, showAdminText, startText } from "../i18n/text";
import { fetchLater } from "../platform/later";
import { announceLook } from "../platform/look";
import { AppViewModel } from "../viewmodels/app";
import { type Choices, Preferences } from "../viewmodels/preferences";
import { App } from "../views/app";
import { thisPage } from "./page";

const preferences = new Preferences(localStorage, browserLanguage());

function show(choices: Choices): void {
  const { dataset, style } = document.documentElement;
  const put = (name: string, value: string | null): void => {
    if (value === null) delete dataset[name];
    else dataset[name] = value;
  };
  put("theme", choices.theme === "system" ? null : choices.theme);
  put("contrast", choices.contrast === "more" ? "more" : null);
  put("density", choices.density === "compact" ? "compact" : null);
  put("motion", choices.motion === "reduce" ? "reduce" : null);
  style.fontSize = choices.textSize === 100 ? "" : `${choices.textSize}%`;
  announceLook([
    choices.language,
    ...[choices.theme, choices.contrast].filter((each) => each !== "system"),
    ...(choices.textSize === 100 ? [] : [String(choices.textSize)]),
  ]);
}

function Root({ model }: { model: AppViewModel }) {
  const { i18n } = useTranslation();
  return (
    <I18nProvider locale={i18n.language === "en" ? "en-GB" : "fr-FR"}>
      <App model={model} />
    </I18nProvider>
  );
}

async function begin(): Promise<void> {
  show(preferences.snapshot());
  const words = startText(preferences.snapshot().language);
  let { language } = preferences.snapshot();
  preferences.subscribe(() => {
    const choices = preferences.snapshot();
    show(choices);
    if (choices.language === language) return;
    language = choices.language;
    void changeLanguage(language);
  });
  const model = new AppViewModel(thisPage(), preferences);
  model.subscribe(() => {
    const { configuration, rules, rights } = model.snapshot();
    if (rights) void showAdminText();
    const brand = configuration?.brand;
    if (!brand) return;
    // of the installation until somebody is signed in, then of their organisation
    document.documentElement.style.setProperty("--brand", rules?.me.colour ?? brand.colour);
    if (!document.title.includes(brand.name)) document.title = brand.name;
  });
  const started = model.start(); // what the server is asked for waits for no words
  await words;
  addEventListener("pagehide", () => void model.drafts.write());
  createRoot(document.getElementById("root")!).render(<Root model={model} />);
  if ("serviceWorker" in navigator) {
    navigator.serviceWorker.register("/sw.js").catch(() => {});
    navigator.serviceWorker.addEventListener("message", (event) => {
      if (event.data?.room) model.openRoom(event.data.room);
    });
  }
  await started;
  if (model.snapshot().stage.name === "sign-in") fetchLater();
}

void begin();
