import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item } from "../matrix/types";
import type { Fold } from "../viewmodels/folded_rows";
import { time } from "./format";
import { Icon } from "./ui/icon";

const FEW = 2;

/** What happened to the room. A conversation of two begins with words: how it was made is nobody's news. */
export function FoldedLines({ fold, isDirect }: { fold: Fold; isDirect: boolean }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  if (isDirect && fold.isBeginning) return null;
  if (fold.items.length <= FEW) return fold.items.map((each) => <EventLine key={each.key} item={each} />);
  return (
    <>
      <button type="button" className="eventline fold" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} size={14} />
        {fold.parts.map(({ key, values }) => t(key, values)).join(", ")}
      </button>
      {isOpen && fold.items.map((each) => <EventLine key={each.key} item={each} />)}
    </>
  );
}

export function EventLine({ item }: { item: Item }) {
  const { t } = useTranslation();
  if (item.content.type !== "event") return null;
  return (
    <p className="eventline">
      {t(item.content.key, item.content.values)} · {time(item.ts)}
    </p>
  );
}
