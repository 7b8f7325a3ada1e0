import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import "../styles/list.css";
import "../styles/threads.css";
import type { Filter } from "../viewmodels/room_list";
import { AccountMenu, Banner } from "./frame";
import { useArrival } from "./hands/arrive";
import { takeShownRoom } from "./hands/shown_room";
import type { Asked } from "./list/dialogs";
import { DoneBar, MovingHelp } from "./list/done";
import { Entries } from "./list/entries";
import { Sections } from "./list/sections";
import { Icon } from "./ui/icon";
import { Menu } from "./ui/menu";
import { Empty } from "./ui/parts";
import { useApp, useMain, useMedia, useSnapshot } from "./use";
import { Beginnings } from "./welcome";

const ListDialog = lazy(() => import("./list/dialogs").then((each) => ({ default: each.ListDialog })));

const FILTERS: Filter[] = ["all", "unread", "mentions", "direct"];

export function RoomList() {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const list = main.list;
  const phone = useMedia("(max-width: 767px)");
  const { filter, sections, unread, spaces, space, total } = useSnapshot(list);
  const { rules } = useSnapshot(app);
  const mayCreate = !rules?.me.is_guest;
  const [asked, setAsked] = useState<Asked | null>(null);
  const Region = phone ? "main" : "section"; // on a phone the list is the screen
  const shown = spaces.find((each) => each.id === space);
  const place = useArrival<HTMLElement>("list");
  const [from] = useState(() => (phone ? takeShownRoom() : null));
  return (
    <Region className="list" aria-label={t("list.label")} data-region tabIndex={-1} ref={phone ? place : undefined}>
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
        {total > 0 && (
          <Menu
            label={t("list.more")}
            choices={[
              { name: t("list.readAll"), icon: "check", run: () => void main.acts.markAllRead(list.joined()) },
              {
                name: t("list.newSection"),
                icon: "plus",
                run: () => setAsked({ what: "name", tag: null, name: "", room: null }),
              },
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
        {mayCreate && !phone && (
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
      {phone && <Banner />}
      <button type="button" className="seek" aria-keyshortcuts="Control+K" onClick={main.openSwitcher}>
        <Icon name="search" size={18} />
        {t("list.seek")}
        <kbd>Ctrl K</kbd>
      </button>
      <Entries />
      <div className="chips" role="group" aria-label={t("list.filter")}>
        {FILTERS.map((each) => (
          <button type="button" key={each} className="chip" aria-pressed={filter === each} onClick={() => list.setFilter(each)}>
            {t(`list.filter.${each}`)}
            {each === "unread" && unread > 0 ? ` · ${unread}` : ""}
          </button>
        ))}
      </div>
      <MovingHelp />
      <Sections
        from={from}
        ask={setAsked}
        nothing={
          total === 0 ? (
            <div className="wel beginlist">
              <p className="muted center pad">{t("list.empty")}</p>
              {phone && <Beginnings />}
            </div>
          ) : (
            sections.length === 0 && <Empty icon="check" title={t(`list.none.${filter}`)} />
          )
        }
      />
      <DoneBar />
      {asked && (
        <Suspense>
          <ListDialog asked={asked} onClose={() => setAsked(null)} />
        </Suspense>
      )}
      {phone && mayCreate && (
        <button type="button" className="fab" aria-label={t("list.new")} onClick={() => main.openCreate()}>
          <Icon name="edit" size={24} />
        </button>
      )}
    </Region>
  );
}
