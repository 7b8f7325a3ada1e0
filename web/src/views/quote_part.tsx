/** What is selected of a message can be quoted: a button beside it. */

import { type RefObject, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item } from "../matrix/types";
import type { ComposerViewModel } from "../viewmodels/composer";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { Icon } from "./ui/icon";

interface Part {
  event: string;
  text: string;
  x: number;
  y: number;
}

/** The selection, if it lies within one message of the box. */
function selected(box: HTMLElement): Part | null {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || !selection.rangeCount) return null;
  const range = selection.getRangeAt(0);
  const ends = [range.startContainer, range.endContainer].map((each) =>
    (each instanceof Element ? each : each.parentElement)?.closest<HTMLElement>("[data-event] .txt"),
  );
  const text = selection.toString().trim();
  const article = ends[0]?.closest<HTMLElement>("[data-event]");
  if (!text || !article || !box.contains(article) || ends[1]?.closest("[data-event]") !== article) return null;
  const at = range.getBoundingClientRect();
  const frame = box.getBoundingClientRect();
  return {
    event: article.dataset.event ?? "",
    text,
    x: Math.min(Math.max(at.left - frame.left, 8), frame.width - 120),
    y: Math.max(at.top - frame.top - 40, 4),
  };
}

export function QuotePart({
  box,
  timeline,
  composer,
}: {
  box: RefObject<HTMLElement | null>;
  timeline: TimelineViewModel;
  composer: ComposerViewModel;
}) {
  const { t } = useTranslation();
  const [part, setPart] = useState<Part | null>(null);
  useEffect(() => {
    const look = (): void => setPart(box.current && selected(box.current));
    document.addEventListener("selectionchange", look);
    return () => document.removeEventListener("selectionchange", look);
  }, [box]);
  const item = part && timeline.items.find((each: Item) => each.eventId === part.event && each.state === "sent");
  if (!part || !item) return null;
  return (
    <button
      type="button"
      className="btn small quotepart"
      style={{ left: part.x, top: part.y }}
      onMouseDown={(event) => event.preventDefault()} // what is selected stays so
      onClick={() => {
        composer.quote(item, part.text);
        getSelection()?.removeAllRanges();
      }}
    >
      <Icon name="quote" size={16} />
      {t("message.quotePart")}
    </button>
  );
}
