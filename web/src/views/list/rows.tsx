/** One room in the list, one invitation. */

import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../../matrix/types";
import { writeRoute } from "../../viewmodels/route";
import { short } from "../format";
import { Invites } from "../invites";
import { StatusDot, StatusHeard } from "../status";
import { Avatar } from "../ui/avatar";
import { Icon } from "../ui/icon";
import { useMain } from "../use";

/** What kind of room it is, on its picture. */
function cornerOf({ kind }: RoomSummary): React.ReactNode {
  const icon = kind === "forum" ? "globe" : kind === "guests" ? "guest" : null;
  return icon && <Icon name={icon} size={13} />;
}

/** Drawn again only when something of its own changes: a list may have hundreds. */
export const RoomLine = memo(function RoomLine({
  room,
  open,
  draft,
  current,
  moving,
}: {
  room: RoomSummary;
  open: boolean;
  draft: string | undefined;
  /** Whether it is the list's stop of the tab key. */
  current: boolean;
  /** Whether the arrows are moving it. */
  moving: boolean;
}) {
  const { t } = useTranslation();
  const { again } = useMain();
  return (
    <>
      <a
        className={`room${room.isUnread ? " new" : ""}${moving ? " moving" : ""}`}
        href={writeRoute({ screen: "room", id: room.id, event: null, panel: null })}
        onClick={open ? again : undefined}
        aria-current={open ? "page" : undefined}
        tabIndex={current ? 0 : -1}
        data-stop={room.id}
        data-room={room.id}
        data-current={current || undefined}
        aria-keyshortcuts="Shift+F10 Alt+Shift+ArrowUp Alt+Shift+ArrowDown"
      >
        <Avatar
          id={room.other?.id ?? room.id}
          name={room.name}
          picture={room.avatar}
          size={40}
          square={room.kind !== "direct"}
          corner={cornerOf(room)}
          dot={room.other && <StatusDot id={room.other.id} />}
        />
        <span className="min0">
          <span className="n">
            <span>{room.name}</span>
            {room.other && <StatusHeard id={room.other.id} />}
            {room.muted && (
              <span className="faint">
                <Icon name="muted" size={14} />
                <span className="sr">{t("list.muted")}</span>
              </span>
            )}
          </span>
          <span className="p">
            {room.membership === "knock" ? (
              t("list.knocked")
            ) : room.typing.length ? (
              <span className="typing">
                {room.kind === "direct" ? t("list.typing") : t("list.typingName", { name: room.typing[0] })}
              </span>
            ) : draft && !open ? (
              <>
                <span className="draft">{t("list.draft")}</span> {draft}
              </>
            ) : (
              <LastLine room={room} />
            )}
          </span>
        </span>
        <span className="m">
          <span className="t">{short(room.ts)}</span>
          {room.mentions > 0 ? (
            <span className="count">
              @ {room.mentions}
              <span className="sr"> {t("mentions")}</span>
            </span>
          ) : (
            room.isUnread && (
              <span className="udot">
                <span className="sr">{t("list.unread")}</span>
              </span>
            )
          )}
        </span>
      </a>
      <button
        type="button"
        className="ib s rowmore"
        tabIndex={-1}
        data-more={room.id}
        aria-haspopup="menu"
        aria-label={t("list.menu", { name: room.name })}
      >
        <Icon name="more" size={18} />
      </button>
    </>
  );
});

function LastLine({ room }: { room: RoomSummary }) {
  const { t } = useTranslation();
  if (!room.last) return <>{t("list.nothing")}</>;
  const text = room.last.key ? t(room.last.key) : room.last.text;
  if (room.last.mine) return <>{t("list.mine", { text })}</>;
  return room.kind === "direct" ? (
    text
  ) : (
    <>
      <b className="strong">{t("list.said", { name: room.last.sender })}</b> {text}
    </>
  );
}

export function Invitation({ room, current }: { room: RoomSummary; current: boolean }) {
  const { t } = useTranslation();
  const main = useMain();
  return (
    <div className="inv">
      <div className="row g3">
        <Avatar
          id={room.other?.id ?? room.id}
          name={room.name}
          picture={room.avatar}
          size={40}
          square={room.kind !== "direct"}
          corner={cornerOf(room)}
        />
        <div className="min0">
          <p className="strong cut">{room.name}</p>
          <p className="t13 muted">
            <Invites room={room} />
          </p>
        </div>
      </div>
      <div className="row g2 mt3">
        <button
          type="button"
          className="btn main small"
          tabIndex={current ? 0 : -1}
          data-stop={room.id}
          data-current={current || undefined}
          onClick={() => void main.list.accept(room.id)}
        >
          {t("join")}
          <span className="sr"> {room.name}</span>
        </button>
        <button type="button" className="btn small" tabIndex={-1} onClick={() => main.list.decline(room.id)}>
          {t("decline")}
          <span className="sr"> {room.name}</span>
        </button>
      </div>
    </div>
  );
}
