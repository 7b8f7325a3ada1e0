/** The words of the interface, in the language that was chosen. Only that language is loaded. */

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { lasting } from "./lasting";
import { elided, typeset } from "./typography";

export type Language = "fr" | "en";

const loaders = { fr: () => import("./fr"), en: () => import("./en") };
const adminLoaders = { fr: () => import("./fr_admin"), en: () => import("./en_admin") };
let administers = false;

/** The language of the browser, where it is one of ours. */
export const browserLanguage = (): Language =>
  navigator.languages.some((each) => each.startsWith("fr")) || !navigator.languages.some((each) => each.startsWith("en"))
    ? "fr"
    : "en";

export async function startText(language: Language): Promise<void> {
  const { TEXTS } = await loaders[language]();
  await i18next.use(initReactI18next).init({
    lng: language,
    resources: { [language]: { translation: typeset(language, TEXTS) } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false },
    returnNull: false,
    react: { bindI18nStore: "added" },
  });
  i18next.services.formatter?.add("de", elided);
  i18next.services.formatter?.add("lasting", (seconds, lng = language, { brief }) =>
    lasting(Number(seconds), lng, brief === true),
  );
  i18next.services.formatter?.add("moment", (ts, lng) =>
    new Intl.DateTimeFormat(lng, { dateStyle: "long", timeStyle: "short" }).format(Number(ts)),
  );
  document.documentElement.lang = language;
}

export async function changeLanguage(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, "translation")) {
    i18next.addResourceBundle(language, "translation", typeset(language, (await loaders[language]()).TEXTS));
  }
  if (administers) await addAdminText(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

/** The words of the console too, from now on. */
export async function showAdminText(): Promise<void> {
  if (administers) return;
  administers = true;
  await addAdminText(i18next.language as Language);
}

async function addAdminText(language: Language): Promise<void> {
  const { ADMIN_TEXTS } = await adminLoaders[language]();
  i18next.addResourceBundle(language, "translation", typeset(language, ADMIN_TEXTS), true, true);
}

export const text = (key: string, values?: Record<string, string | number>): string => i18next.t(key, values ?? {});
