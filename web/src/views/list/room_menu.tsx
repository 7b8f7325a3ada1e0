/** What can be done with a room of the list: by a right click, the menu key, ⋯, or a finger that stays. */

import { useRef } from "react";
import { Header } from "react-aria-components/Header";
import { Menu, MenuItem, MenuSection, SubmenuTrigger } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../../matrix/types";
import { sectionOf } from "../../viewmodels/list_sections";
import type { Told } from "../../viewmodels/room_acts";
import type { IconName } from "../icons";
import { Icon } from "../ui/icon";
import { useMain, useSnapshot } from "../use";
import type { Asked } from "./dialogs";

export interface Opened {
  id: string;
  x: number;
  y: number;
}

const TOLD: Told[] = ["all", "mentions", "none"];
const NEW = "new";

export function RoomMenu({
  room,
  at,
  onClose,
  onMove,
  ask,
}: {
  room: RoomSummary;
  at: Opened;
  onClose: () => void;
  onMove: (room: RoomSummary) => void;
  ask: (what: Asked) => void;
}) {
  const { t } = useTranslation();
  const { acts, list } = useMain();
  const { sections } = useSnapshot(list);
  const anchor = useRef<HTMLSpanElement>(null);
  const label = t("list.menu", { name: room.name });
  const own = sections.filter((each) => each.title !== null);
  const here = sectionOf(room);
  const titleOf = (name: string): string => own.find((each) => each.name === name)?.title ?? t(`list.section.${name}`);
  const put = (name: string): void =>
    name === NEW ? ask({ what: "name", tag: null, name: "", room }) : void acts.put(room, name, titleOf(name));
  const acting: Record<string, () => void> = {
    read: () => void (room.isUnread ? acts.markRead(room) : acts.markUnread(room)),
    favourite: () => put(room.favourite ? "recent" : "favourites"),
    low: () => put(here === "low" ? "recent" : "low"),
    move: () => onMove(room),
    archive: () => void acts.archive(room),
    leave: () => ask({ what: "leave", room }),
  };
  const item = (key: string, icon: IconName, name: string, danger = false) => (
    <MenuItem key={key} id={key} className={danger ? "menuitem danger" : "menuitem"} textValue={name}>
      <Icon name={icon} size={18} />
      <span className="grow">{name}</span>
      {key === "section" && <Icon name="right" size={16} />}
    </MenuItem>
  );
  if (room.membership !== "join")
    return (
      <At at={at} label={label} anchor={anchor} onClose={onClose}>
        <Menu className="menu" aria-label={label} onAction={() => void acts.leave(room)}>
          {item("leave", "logout", t("list.withdraw"), true)}
        </Menu>
      </At>
    );
  return (
    <At at={at} label={label} anchor={anchor} onClose={onClose}>
      <Menu className="menu" aria-label={label} onAction={(key) => acting[String(key)]?.()} onClose={onClose} autoFocus="first">
        {item("read", room.isUnread ? "check" : "bell", t(room.isUnread ? "list.markRead" : "list.markUnread"))}
        {item("favourite", "star", t(room.favourite ? "details.unfavourite" : "details.favourite"))}
        {item("low", "down", t(here === "low" ? "list.notLow" : "list.low"))}
        <SubmenuTrigger>
          {item("section", "folder", t("list.putInto"))}
          <Popover className="popover" aria-label={t("list.putInto")}>
            <Menu className="menu" aria-label={t("list.putInto")} onAction={(key) => put(String(key))} onClose={onClose}>
              {own.map((each) => (
                <MenuItem key={each.name} id={each.name} className="menuitem" textValue={each.title ?? ""}>
                  <span className="grow">{each.title}</span>
                  {each.name === here && <Icon name="check" size={16} />}
                </MenuItem>
              ))}
              {here.startsWith("u.") && (
                <MenuItem key="recent" id="recent" className="menuitem" textValue={t("list.takeOut")}>
                  <span className="grow">{t("list.takeOut")}</span>
                </MenuItem>
              )}
              <MenuItem key={NEW} id={NEW} className="menuitem" textValue={t("list.newSection")}>
                <Icon name="plus" size={18} />
                <span className="grow">{t("list.newSection")}</span>
              </MenuItem>
            </Menu>
          </Popover>
        </SubmenuTrigger>
        {!room.archived && item("move", "list", t("list.move"))}
        <MenuSection
          selectionMode="single"
          disallowEmptySelection
          selectedKeys={[room.told]}
          onSelectionChange={(keys) => {
            const [told] = [...(keys as Set<Told>)];
            if (told && told !== room.told) void acts.tell(room, told);
            onClose();
          }}
        >
          <Header className="menuhead">{t("details.notifications")}</Header>
          {TOLD.map((told) => (
            <MenuItem key={told} id={told} className="menuitem" textValue={t(`list.tell.${told}`)}>
              <Icon name={told === "none" ? "muted" : told === "mentions" ? "at" : "bell"} size={18} />
              <span className="grow">{t(`list.tell.${told}`)}</span>
              {told === room.told && <Icon name="check" size={16} />}
            </MenuItem>
          ))}
        </MenuSection>
        {item("archive", "archive", t(room.archived ? "list.unarchive" : "list.archive"))}
        {item("leave", "logout", t("details.leave"), true)}
      </Menu>
    </At>
  );
}

function At({
  at,
  label,
  anchor,
  onClose,
  children,
}: {
  at: Opened;
  label: string;
  anchor: React.RefObject<HTMLSpanElement | null>;
  onClose: () => void;
  children: React.ReactNode;
}) {
  return (
    <>
      <span ref={anchor} className="menuat" style={{ left: at.x, top: at.y }} />
      <Popover
        className="popover"
        triggerRef={anchor}
        trigger="MenuTrigger"
        aria-label={label}
        isOpen
        onOpenChange={(open) => !open && onClose()}
        placement="bottom start"
      >
        {children}
      </Popover>
    </>
  );
}
