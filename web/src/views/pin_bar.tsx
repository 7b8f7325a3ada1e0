/** The newest pinned message, in the room's head; a press goes there, the next one to the one before. */

import { useTranslation } from "react-i18next";
import "../styles/messages.css";
import type { RoomDetails } from "../matrix/types";
import { PinsViewModel } from "../viewmodels/pins";
import type { RoomViewModel } from "../viewmodels/room";
import { Icon } from "./ui/icon";
import { useMain, useOwned, useSnapshot } from "./use";

export function PinBar({ room, details }: { room: RoomViewModel; details: RoomDetails }) {
  const { t } = useTranslation();
  const main = useMain();
  const model = useOwned(() => room.make(PinsViewModel), room.id);
  const { at } = useSnapshot(model);
  const { there } = model;
  if (!there.length) return null;
  const shown = there[at % there.length];
  const { sender, mine, text, key } = shown.event;
  const go = (): void => {
    const id = model.next();
    if (id) void room.timeline?.jump(id);
  };
  return (
    <section className="pinbar" aria-label={t("panel.pins")}>
      <button type="button" className="pinned" onClick={go}>
        <Icon name="pin" size={18} />
        <span className="sr">{t("pins.go")} </span>
        <span className="cut grow">
          <b>{mine ? t("you") : sender}</b> {key ? t(key) : text}
        </span>
        {there.length > 1 && (
          <span className="num t12 muted">{t("pins.place", { place: (at % there.length) + 1, of: there.length })}</span>
        )}
      </button>
      {there.length > 1 && (
        <button
          type="button"
          className="ib s"
          aria-label={t("pins.all", { count: there.length })}
          onClick={() => main.openPanel({ name: "pins" })}
        >
          <Icon name="list" size={18} />
        </button>
      )}
      {details.may.pin && (
        <button
          type="button"
          className="ib s"
          aria-label={t("message.unpin")}
          onClick={() => void room.settings.pin(shown.id, false)}
        >
          <Icon name="x" size={16} />
        </button>
      )}
    </section>
  );
}
