/** An order that waits for one's answer: said at once, and offered as long as its card is out of sight. */

import "../styles/order.css";
import { useTranslation } from "react-i18next";
import { AwaitedOrderViewModel } from "../viewmodels/awaited_order";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { time } from "./format";
import { useIsInSight } from "./order_sight";
import { Icon } from "./ui/icon";
import { useOwned, useSnapshot } from "./use";

export function OrderBar({ room, timeline }: { room: RoomViewModel; timeline: TimelineViewModel }) {
  const { t } = useTranslation();
  const model = useOwned(() => room.make(AwaitedOrderViewModel, timeline), room.id);
  const { found } = useSnapshot(model);
  const isInSight = useIsInSight(found?.eventId ?? null);
  const due = found?.content.due ?? null;
  const said = due === null ? t("order.awaits") : t("order.awaitsDue", { time: time(due) });
  return (
    <>
      <p className="sr" role="alert">
        {found && said}
      </p>
      {found && !isInSight && (
        <p className="banner order">
          <Icon name="flag" size={18} />
          <span className="grow" aria-hidden="true">
            {said}
          </span>
          <button type="button" className="link" onClick={() => void timeline.jump(found.eventId)}>
            {t("order.go")}
          </button>
        </p>
      )}
    </>
  );
}
