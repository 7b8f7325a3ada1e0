/** The rooms, by section. */

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../../matrix/types";
import { Icon } from "../ui/icon";
import { useMain, useSnapshot } from "../use";
import { headOf, stopsOf, useRoving } from "./roving";
import { Invitation, RoomLine } from "./rows";
import { Rooms } from "./section";

export function Sections({ nothing }: { nothing: React.ReactNode }) {
  const { t } = useTranslation();
  const main = useMain();
  const { list } = main;
  const { sections, closed, drafts } = useSnapshot(list);
  const { route } = useSnapshot(main);
  const open = route.screen === "room" ? route.id : null;
  const box = useRef<HTMLDivElement>(null);
  const inside = useRef<HTMLDivElement>(null);
  const height = useHeight(inside);
  const stops = useMemo(() => stopsOf(sections, closed), [sections, closed]);
  const roving = useRoving(box, stops, open);
  const { current, goTo } = roving;

  const row = useCallback(
    (room: RoomSummary) =>
      room.membership === "invite" ? (
        <Invitation key={room.id} room={room} current={room.id === current} />
      ) : (
        <RoomLine key={room.id} room={room} open={room.id === open} draft={drafts[room.id]} current={room.id === current} />
      ),
    [open, drafts, current],
  );

  const onKey = (event: React.KeyboardEvent): void => {
    if (roving.onArrow(event)) return;
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const stop = (event.target as HTMLElement).closest<HTMLElement>("[data-stop]")?.dataset.stop;
    const section = sections.find((each) => stop === headOf(each.name) || each.rooms.some((room) => room.id === stop));
    if (!section || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (stop !== headOf(section.name)) {
      if (event.key === "ArrowLeft") goTo(headOf(section.name));
    } else if (closed.has(section.name) === (event.key === "ArrowRight")) list.toggle(section.name);
  };

  return (
    <div className="rooms" ref={box} onKeyDown={onKey} onFocus={roving.onFocus}>
      {nothing}
      <div ref={inside}>
        {sections.map((section) => (
          <section key={section.name} aria-labelledby={`section-${section.name}`}>
            <h2 className="sect" id={`section-${section.name}`}>
              <button
                type="button"
                aria-expanded={!closed.has(section.name)}
                tabIndex={current === headOf(section.name) ? 0 : -1}
                data-stop={headOf(section.name)}
                data-current={current === headOf(section.name) || undefined}
                onClick={() => list.toggle(section.name)}
              >
                <Icon name={closed.has(section.name) ? "right" : "down"} size={14} />
                {t(`list.section.${section.name}`)}
              </button>
            </h2>
            {!closed.has(section.name) && (
              <Rooms rooms={section.rooms} scroller={box} current={current} turn={`${height} ${stops.length}`}>
                {row}
              </Rooms>
            )}
          </section>
        ))}
      </div>
    </div>
  );
}

/** The height of a part of the page; follows it. */
function useHeight(part: React.RefObject<HTMLElement | null>): number {
  const [height, setHeight] = useState(0);
  useEffect(() => {
    if (!part.current) return;
    const observer = new ResizeObserver(([{ contentRect }]) => setHeight(Math.round(contentRect.height)));
    observer.observe(part.current);
    return () => observer.disconnect();
  }, [part]);
  return height;
}
