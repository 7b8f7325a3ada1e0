/** Choosing an emoji. One stop of the tab key for the groups and one for the emoji of the one that is open; arrows go through each. */

import { useId, useRef } from "react";
import { useTranslation } from "react-i18next";
import { EmojiPickerViewModel, type Shelf } from "../viewmodels/emoji_picker";
import { isTouched } from "./hands/arrive";
import { neighbour } from "./hands/grid";
import { Icon } from "./ui/icon";
import { useApp, useMade, useSnapshot } from "./use";

const SIGNS: Record<Exclude<Shelf, "used">, string> = {
  smileys: "🙂",
  people: "👋",
  nature: "🌿",
  food: "🍎",
  travel: "🚆",
  activities: "⚽",
  objects: "💡",
  symbols: "🔣",
  flags: "🏳️",
};

export function EmojiPicker({ onPick }: { onPick: (emoji: string) => void }) {
  const { t } = useTranslation();
  const app = useApp();
  const model = useMade(EmojiPickerViewModel, "", app.preferences);
  const { shelves, shelf, asked, shown, isLoaded } = useSnapshot(model);
  const id = useId();
  const grid = useRef<HTMLDivElement>(null);
  const isSearching = asked.trim() !== "";
  const pick = (emoji: string): void => {
    model.note(emoji);
    onPick(emoji);
  };
  const into = (): void => grid.current?.querySelector("button")?.focus();
  return (
    <div className="picker">
      <div className="input">
        <Icon name="search" size={18} />
        <input
          autoFocus={!isTouched()}
          aria-label={t("emoji.search")}
          title={t("emoji.search")}
          placeholder={t("emoji.search")}
          value={asked}
          onChange={(event) => model.ask(event.target.value)}
          onKeyDown={(event) => {
            if (event.nativeEvent.isComposing) return;
            if (event.key === "Enter" && shown[0]) pick(shown[0].emoji);
            if (event.key !== "ArrowDown") return;
            event.preventDefault();
            into();
          }}
        />
      </div>
      <div className="shelves" role="tablist" aria-label={t("emoji.groups")} onKeyDown={(event) => onArrows(event, "row")}>
        {shelves.map((each) => (
          <button
            type="button"
            role="tab"
            key={each}
            id={`${id}-${each}`}
            aria-selected={each === shelf && !isSearching}
            aria-controls={`${id}-grid`}
            aria-label={t(`emoji.group.${each}`)}
            title={t(`emoji.group.${each}`)}
            tabIndex={each === shelf ? 0 : -1}
            onClick={() => model.open(each)}
            onFocus={() => !isSearching && each !== shelf && model.open(each)}
          >
            {each === "used" ? <Icon name="clock" size={18} /> : <span aria-hidden="true">{SIGNS[each]}</span>}
          </button>
        ))}
      </div>
      <div
        className="grid"
        role="tabpanel"
        id={`${id}-grid`}
        aria-label={isSearching ? t("composer.emoji") : t(`emoji.group.${shelf}`)}
        ref={grid}
        onKeyDown={(event) => onArrows(event, "grid")}
      >
        {shown.map(({ emoji, name }, index) => (
          <button
            type="button"
            key={emoji}
            title={name}
            aria-label={name}
            tabIndex={index === 0 ? 0 : -1}
            onFocus={onlyStop}
            onClick={() => pick(emoji)}
          >
            {emoji}
          </button>
        ))}
        {isLoaded && !shown.length && <p className="muted">{t("emoji.none")}</p>}
      </div>
      <p className="sr" role="status">
        {isSearching && isLoaded && shown.length > 0 && t("emoji.found", { count: shown.length })}
      </p>
    </div>
  );
}

function onArrows(event: React.KeyboardEvent<HTMLElement>, shape: "row" | "grid"): void {
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>("button")];
  const next = neighbour(all, event.target as HTMLElement, event.key, shape);
  if (!next) return;
  event.preventDefault();
  event.stopPropagation();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

/** Where one was among them is where one comes back to. */
function onlyStop({ currentTarget }: React.FocusEvent<HTMLElement>): void {
  for (const each of currentTarget.parentElement?.querySelectorAll<HTMLElement>("button") ?? [])
    each.tabIndex = each === currentTarget ? 0 : -1;
}
