/** The menu of a room by whatever one has: a right click, the menu key, ⋯, a finger that stays. */

import { useRef } from "react";
import { clock } from "../../platform/clock";
import type { Opened } from "./room_menu";

const LONG = 450;
const STILL = 12;

export function usePressing(open: (opened: Opened) => void) {
  const finger = useRef<{ x: number; y: number; end: () => void } | null>(null);
  const held = useRef(false);
  const roomAt = (target: EventTarget): HTMLElement | null => (target as Element).closest<HTMLElement>("[data-room]");
  const below = (part: HTMLElement, id: string): void => {
    const { left, bottom } = part.getBoundingClientRect();
    open({ id, x: left + 8, y: bottom - 4 });
  };
  const end = (): void => {
    finger.current?.end();
    finger.current = null;
  };
  return {
    onContextMenu: (event: React.MouseEvent) => {
      const room = roomAt(event.target);
      if (!room) return;
      event.preventDefault();
      if (held.current) return; // a finger that stays is a right click to some browsers
      end();
      if (event.clientX === 0 && event.clientY === 0) below(room, room.dataset.room!);
      else open({ id: room.dataset.room!, x: event.clientX, y: event.clientY });
    },
    onClick: (event: React.MouseEvent) => {
      const more = (event.target as Element).closest<HTMLElement>("[data-more]");
      if (more) below(more, more.dataset.more!);
    },
    onTouchStart: (event: React.TouchEvent) => {
      const room = roomAt(event.target);
      held.current = false;
      end();
      if (!room || event.touches.length !== 1) return;
      const { clientX: x, clientY: y } = event.touches[0];
      const endWaiting = clock.after(LONG, () => {
        held.current = true;
        navigator.vibrate?.(10);
        open({ id: room.dataset.room!, x, y });
      });
      finger.current = { x, y, end: endWaiting };
    },
    onTouchMove: (event: React.TouchEvent) => {
      const { clientX, clientY } = event.touches[0];
      const from = finger.current;
      if (from && Math.hypot(clientX - from.x, clientY - from.y) > STILL) end();
    },
    onTouchEnd: (event: React.TouchEvent) => {
      end();
      if (held.current) event.preventDefault(); // no click on the room that was under the finger
    },
  };
}
