/** The way to the content, past what stands before it on every screen. It is seen when the tab key comes to it. */

import { useTranslation } from "react-i18next";

export const CONTENT = "content";

export function SkipLink() {
  const { t } = useTranslation();
  return (
    <a
      className="skip"
      href={`#${CONTENT}`}
      onClick={(event) => {
        event.preventDefault(); // the part of the address after # says where one is
        document.querySelector<HTMLElement>("main")?.focus();
      }}
    >
      {t("skip")}
    </a>
  );
}
