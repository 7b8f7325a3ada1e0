/** The rooms, by section. */

import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../../matrix/types";
import type { Section } from "../../viewmodels/list_sections";
import { useMain, useSnapshot } from "../use";
import type { Asked } from "./dialogs";
import { useDragging } from "./dragging";
import { onListKey } from "./keys";
import { usePressing } from "./pressing";
import type { Opened } from "./room_menu";
import { headOf, idOf, stopsOf, useRoving } from "./roving";
import { Invitation, RoomLine } from "./rows";
import { Rooms } from "./section";
import { SectionHead } from "./section_head";

const RoomMenu = lazy(() => import("./room_menu").then((each) => ({ default: each.RoomMenu })));

interface Props {
  nothing: React.ReactNode;
  ask: (what: Asked) => void;
  /** The room that one comes back from. */
  from: string | null;
}

export function Sections({ nothing, ask, from }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const { list, acts } = main;
  const { sections, closed, drafts } = useSnapshot(list);
  const { moving } = useSnapshot(acts);
  const { route } = useSnapshot(main);
  const open = route.screen === "room" ? route.id : null;
  const box = useRef<HTMLDivElement>(null);
  const inside = useRef<HTMLDivElement>(null);
  const height = useHeight(inside);
  const stops = useMemo(() => stopsOf(sections, closed), [sections, closed]);
  const roving = useRoving(box, stops, open);
  const { current, goTo } = roving;
  useEffect(() => {
    if (from) goTo(from);
  }, [from, goTo]);
  const [menu, setMenu] = useState<Opened | null>(null);
  const inMenu = menu && list.find(menu.id);
  const titleOf = (section: Section): string => section.title ?? t(`list.section.${section.name}`);

  const openMenu = (opened: Opened): void => {
    goTo(opened.id); // where the focus goes back to
    setMenu(opened);
  };
  const pressing = usePressing(openMenu);
  const { dragged, falling, handlers } = useDragging(inside, sections, (id, target) => {
    const room = list.find(id);
    const section = sections.find((each) => each.name === target.section);
    if (room && section) void acts.put(room, section.name, titleOf(section), target.at);
  });

  const row = useCallback(
    (room: RoomSummary) =>
      room.membership === "invite" ? (
        <Invitation key={room.id} room={room} current={room.id === current} />
      ) : (
        <RoomLine
          key={room.id}
          room={room}
          open={room.id === open}
          draft={drafts[room.id]}
          current={room.id === current}
          moving={room.id === moving?.id || room.id === dragged}
        />
      ),
    [open, drafts, current, moving, dragged],
  );

  return (
    <div
      className="rooms"
      ref={box}
      onKeyDown={(event) => onListKey(event, main, roving)}
      onFocus={roving.onFocus}
      onBlur={(event) => event.relatedTarget && !event.currentTarget.contains(event.relatedTarget) && acts.giveUp()}
      {...pressing}
      {...handlers}
    >
      {nothing}
      <div ref={inside} className="sections">
        {sections.map((section) => (
          <section key={section.name} aria-labelledby={idOf(section.name)} data-section={section.name}>
            <SectionHead
              section={section}
              title={titleOf(section)}
              closed={closed.has(section.name)}
              current={current === headOf(section.name)}
              ask={ask}
            />
            {!closed.has(section.name) &&
              (section.rooms.length ? (
                <Rooms rooms={section.rooms} scroller={box} current={current} turn={`${height} ${stops.length}`}>
                  {row}
                </Rooms>
              ) : (
                <p className="emptysection">{t("list.emptySection")}</p>
              ))}
          </section>
        ))}
        {falling && <div className="drop" style={{ top: falling.y }} aria-hidden="true" />}
      </div>
      {menu && inMenu && (
        <Suspense>
          <RoomMenu
            room={inMenu}
            at={menu}
            onClose={() => setMenu(null)}
            ask={ask}
            onMove={(room) => {
              acts.begin(room);
              goTo(room.id);
            }}
          />
        </Suspense>
      )}
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
