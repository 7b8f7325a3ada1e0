import { useRef } from "react";
import type { Item } from "../matrix/types";
import { clock } from "../platform/clock";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";

/** On a phone: swipe right to reply, press long for the actions. */
export function useLongPress(item: Item, timeline: TimelineViewModel, room: RoomViewModel) {
  const from = useRef<{ x: number; y: number; endWaiting: () => void } | null>(null);
  const held = useRef(false);
  const end = (): void => {
    from.current?.endWaiting();
    from.current = null;
  };
  return {
    onTouchStart: (event: React.TouchEvent<HTMLElement>) => {
      const { clientX: x, clientY: y } = event.touches[0];
      const target = event.currentTarget;
      held.current = false;
      from.current = {
        x,
        y,
        endWaiting: clock.after(450, () => {
          held.current = true;
          for (const each of document.querySelectorAll(".msg.held")) each.classList.remove("held");
          target.classList.add("held");
          navigator.vibrate?.(10);
          const away = (later: Event): void => {
            if (target.contains(later.target as Node)) return;
            target.classList.remove("held");
            document.removeEventListener("touchstart", away);
          };
          document.addEventListener("touchstart", away);
        }),
      };
    },
    onTouchMove: (event: React.TouchEvent<HTMLElement>) => {
      if (!from.current) return;
      const dx = event.touches[0].clientX - from.current.x;
      const dy = event.touches[0].clientY - from.current.y;
      if (Math.abs(dy) > 12 || Math.abs(dx) > 12) from.current.endWaiting();
      if (dx > 80 && Math.abs(dy) < 40 && item.state === "sent") {
        end();
        (timeline.threadId ? room.thread(timeline.threadId).composer : room.composer)?.reply(item);
      }
    },
    onTouchEnd: (event: React.TouchEvent<HTMLElement>) => {
      end();
      if (held.current) event.preventDefault(); // no click on what happened to be under the finger
      held.current = false;
    },
  };
}
