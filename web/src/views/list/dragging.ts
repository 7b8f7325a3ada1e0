/** A room is dragged to another place of the list; a line shows where it would fall. Files that are dragged are not ours. */

import { type RefObject, useState } from "react";
import type { Target } from "../../viewmodels/list_moves";
import type { Section } from "../../viewmodels/list_sections";
import { tagOf } from "../../viewmodels/list_sections";

const KIND = "application/x-chappe-room";

/** Where it would fall, and how far down in the list the line is. */
export interface Falling extends Target {
  y: number;
}

export function useDragging(
  inside: RefObject<HTMLElement | null>,
  sections: Section[],
  put: (id: string, target: Target) => void,
) {
  const [dragged, setDragged] = useState<string | null>(null);
  const [falling, setFalling] = useState<Falling | null>(null);
  const end = (): void => {
    setDragged(null);
    setFalling(null);
  };
  const fallAt = (event: React.DragEvent): Falling | null => {
    const under = event.target as Element;
    const name = under.closest<HTMLElement>("[data-section]")?.dataset.section;
    const section = sections.find((each) => each.name === name);
    const box = inside.current?.getBoundingClientRect();
    if (!name || !section || !box || !tagOf(name)) return null;
    const row = under.closest<HTMLElement>("li[aria-posinset]");
    if (!row || section.byTime) {
      const head = under.closest("[data-section]")!.querySelector(".secthead")!.getBoundingClientRect();
      return { section: name, at: row ? 0 : Number.POSITIVE_INFINITY, y: head.bottom - box.top };
    }
    const { top, bottom, height } = row.getBoundingClientRect();
    const at = Number(row.getAttribute("aria-posinset")) - 1;
    const isBelow = event.clientY > top + height / 2;
    const from = section.rooms.findIndex((each) => each.id === dragged);
    const to = at + (isBelow ? 1 : 0);
    return { section: name, at: from >= 0 && from < to ? to - 1 : to, y: (isBelow ? bottom : top) - box.top };
  };
  return {
    dragged,
    falling,
    handlers: {
      onDragStart: (event: React.DragEvent) => {
        const id = (event.target as Element).closest<HTMLElement>("[data-room]")?.dataset.room;
        if (!id) return;
        event.dataTransfer.setData(KIND, id);
        event.dataTransfer.effectAllowed = "copyMove";
        setDragged(id);
      },
      onDragOver: (event: React.DragEvent) => {
        if (dragged === null) return;
        const next = fallAt(event);
        if (next) {
          event.preventDefault();
          event.dataTransfer.dropEffect = "move";
        }
        if (next?.section !== falling?.section || next?.at !== falling?.at || next?.y !== falling?.y) setFalling(next);
      },
      onDrop: (event: React.DragEvent) => {
        if (dragged === null || !falling) return;
        event.preventDefault();
        put(dragged, falling);
        end();
      },
      onDragEnd: end,
    },
  };
}
