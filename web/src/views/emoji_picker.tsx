import { useState } from "react";
import { useTranslation } from "react-i18next";
import { allEmoji } from "../platform/emoji";
import { isTouched } from "./hands/arrive";
import { useLater } from "./use";

export function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }) {
  const { t, i18n } = useTranslation();
  const [asked, setAsked] = useState("");
  const all = useLater(allEmoji, "emoji");
  const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const shown = (all ?? []).filter(([, french, english]) => plain(`${french} ${english}`).includes(plain(asked)));
  return (
    <div className="picker">
      <input
        className="input"
        autoFocus={!isTouched()}
        aria-label={t("emoji.search")}
        title={t("emoji.search")}
        placeholder={t("emoji.search")}
        value={asked}
        onChange={(event) => setAsked(event.target.value)}
        onKeyDown={(event) => event.key === "Enter" && shown[0] && onPick(shown[0][0])}
      />
      <div className="grid" role="group" aria-label={t("composer.emoji")}>
        {shown.map(([emoji, french, english]) => (
          <button
            type="button"
            key={emoji}
            title={(i18n.language === "fr" ? french : english).split(",")[0]}
            aria-label={(i18n.language === "fr" ? french : english).split(",")[0]}
            onClick={() => onPick(emoji)}
          >
            {emoji}
          </button>
        ))}
        {all && !shown.length && <p className="muted">{t("emoji.none")}</p>}
      </div>
    </div>
  );
}
