import { memo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../matrix/types";
import type { Filter } from "../viewmodels/room_list";
import { writeRoute } from "../viewmodels/route";
import { short } from "./format";
import { AccountMenu } from "./frame";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { Menu } from "./ui/menu";
import { Empty } from "./ui/parts";
import { useApp, useMain, useMedia, useSnapshot } from "./use";

const FILTERS: Filter[] = ["all", "unread", "mentions", "direct"];

export function RoomList() {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const list = main.list;
  const phone = useMedia("(max-width: 767px)");
  const { drafts, filter, sections, closed, unread, spaces, space, total } = useSnapshot(list);
  const { rules } = useSnapshot(app);
  const { route } = useSnapshot(main);
  const mayCreate = !rules?.me.is_guest;
  const open = route.screen === "room" ? route.id : null;
  const rooms = useRef<HTMLDivElement>(null);
  const Region = phone ? "main" : "section"; // on a phone the list is the screen
  const shown = spaces.find((each) => each.id === space);
  return (
    <Region className="list" aria-label={t("list.label")} data-region tabIndex={-1}>
      <div className="listhead">
        <h1>{shown?.name ?? t("rail.rooms")}</h1>
        {spaces.length > 0 && (
          <Menu
            label={t("list.spaces")}
            icon="sliders"
            choices={[
              { name: t("list.allRooms"), chosen: !space, run: () => list.setSpace(null) },
              ...spaces.map((each) => ({ name: each.name, chosen: each.id === space, run: () => list.setSpace(each.id) })),
            ]}
          />
        )}
        {shown && (
          <button
            type="button"
            className="ib"
            aria-label={t("list.openSpace", { name: shown.name })}
            onClick={() => main.openRoom(shown.id)}
          >
            <Icon name="folder" />
          </button>
        )}
        {mayCreate && (
          <button
            type="button"
            className="ib"
            aria-label={t("list.new")}
            aria-keyshortcuts="Alt+N"
            onClick={() => main.openCreate()}
          >
            <Icon name="edit" />
          </button>
        )}
        {phone && <AccountMenu size={34} />}
      </div>
      <button type="button" className="seek" aria-keyshortcuts="Control+K" onClick={main.openSwitcher}>
        <Icon name="search" size={18} />
        {t("list.seek")}
        <kbd>Ctrl K</kbd>
      </button>
      <div className="chips" role="group" aria-label={t("list.filter")}>
        {FILTERS.map((each) => (
          <button type="button" key={each} className="chip" aria-pressed={filter === each} onClick={() => list.setFilter(each)}>
            {t(`list.filter.${each}`)}
            {each === "unread" && unread > 0 ? ` · ${unread}` : ""}
          </button>
        ))}
      </div>
      <div className="rooms" ref={rooms} onKeyDown={(event) => rove(event, rooms.current!)}>
        {total === 0 && <p className="muted center pad">{t("list.empty")}</p>}
        {total > 0 && sections.length === 0 && <Empty icon="check" title={t(`list.none.${filter}`)} />}
        {sections.map((section) => (
          <section key={section.name} aria-labelledby={`section-${section.name}`}>
            <h2 className="sect" id={`section-${section.name}`}>
              <button type="button" aria-expanded={!closed.has(section.name)} onClick={() => list.toggle(section.name)}>
                <Icon name={closed.has(section.name) ? "right" : "down"} size={14} />
                {t(`list.section.${section.name}`)}
              </button>
            </h2>
            {!closed.has(section.name) && (
              <ul>
                {section.rooms.map((room) => (
                  <li key={room.id}>
                    {room.membership === "invite" ? (
                      <Invitation room={room} />
                    ) : (
                      <RoomLine room={room} open={room.id === open} draft={drafts[room.id]} />
                    )}
                  </li>
                ))}
              </ul>
            )}
          </section>
        ))}
      </div>
      {phone && mayCreate && (
        <button type="button" className="fab" aria-label={t("list.new")} onClick={() => main.openCreate()}>
          <Icon name="edit" size={24} />
        </button>
      )}
    </Region>
  );
}

/** Arrows move through the rooms. */
function rove(event: React.KeyboardEvent, box: HTMLElement): void {
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (!by && event.key !== "Home" && event.key !== "End") return;
  const all = [...box.querySelectorAll<HTMLElement>("a.room, .inv button")];
  const at = all.indexOf(document.activeElement as HTMLElement);
  const next = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1 : at + by;
  if (at < 0 || !all[next]) return;
  event.preventDefault();
  all[next].focus();
}

/** Drawn again only when something of its own changes: a list may have hundreds. */
const RoomLine = memo(function RoomLine({
  room,
  open,
  draft,
}: {
  room: RoomSummary;
  open: boolean;
  draft: string | undefined;
}) {
  const { t } = useTranslation();
  const corner =
    room.kind === "forum" ? (
      <Icon name="globe" size={13} />
    ) : room.kind === "guests" ? (
      <Icon name="guest" size={13} />
    ) : undefined;
  return (
    <a
      className={room.isUnread ? "room new" : "room"}
      href={writeRoute({ screen: "room", id: room.id, event: null, panel: null })}
      aria-current={open ? "page" : undefined}
    >
      <Avatar
        id={room.other?.id ?? room.id}
        name={room.name}
        picture={room.avatar}
        size={40}
        square={room.kind !== "direct"}
        corner={corner}
      />
      <span className="min0">
        <span className="n">
          <span>{room.name}</span>
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

function Invitation({ room }: { room: RoomSummary }) {
  const { t } = useTranslation();
  const main = useMain();
  return (
    <div className="inv">
      <div className="row g3">
        <Avatar id={room.id} name={room.name} picture={room.avatar} size={40} square={room.kind !== "direct"} />
        <div className="min0">
          <p className="strong cut">{room.name}</p>
          <p className="t13 muted">{t("list.invites", { name: room.inviter?.name ?? "" })}</p>
        </div>
      </div>
      <div className="row g2 mt3">
        <button type="button" className="btn main small" onClick={() => void main.list.accept(room.id)}>
          {t("join")}
          <span className="sr"> {room.name}</span>
        </button>
        <button type="button" className="btn small" onClick={() => main.list.decline(room.id)}>
          {t("decline")}
          <span className="sr"> {room.name}</span>
        </button>
      </div>
    </div>
  );
}
