/** A section of the list: of its rooms those that are on the screen are drawn, and the one that has the focus. */

import { createContext, type RefObject, useContext, useLayoutEffect, useMemo, useRef, useState } from "react";
import { type CustomItemComponentProps, Virtualizer } from "virtua";
import type { RoomSummary } from "../../matrix/types";
import { useDrawn } from "../drawn";

const Size = createContext(0);

/** Says its place among all, of which most are not drawn. */
function Item({ children, style, index, ref }: CustomItemComponentProps) {
  const size = useContext(Size);
  return (
    <li ref={ref} style={style} aria-setsize={size} aria-posinset={index + 1}>
      {children}
    </li>
  );
}

export function Rooms({
  rooms,
  scroller,
  current,
  turn,
  children,
}: {
  rooms: RoomSummary[];
  scroller: RefObject<HTMLElement | null>;
  /** The room that must be drawn, wherever it is. */
  current: string | null;
  /** Moves when something above may have another height. */
  turn: unknown;
  children: (room: RoomSummary) => React.ReactElement;
}) {
  const top = useRef<HTMLDivElement>(null);
  const [margin, setMargin] = useState(0);
  const at = current === null ? -1 : rooms.findIndex((each) => each.id === current);
  const mounted = useMemo(() => (at < 0 ? [] : [at]), [at]);
  useDrawn(scroller, top, "ul");
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || !top.current) return;
    const from = top.current.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    setMargin(Math.round(from));
  }, [scroller, turn]);
  return (
    <div ref={top}>
      <Size value={rooms.length}>
        <Virtualizer data={rooms} scrollRef={scroller} startMargin={margin} keepMounted={mounted} as="ul" item={Item}>
          {children}
        </Virtualizer>
      </Size>
    </div>
  );
}
