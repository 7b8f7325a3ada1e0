/** The head of a section: what it is called, what is unread in it while it is closed, what can be done with it. */

import { useTranslation } from "react-i18next";
import { type Section, tagOf } from "../../viewmodels/list_sections";
import type { Told } from "../../viewmodels/room_acts";
import { Icon } from "../ui/icon";
import { type Choice, Menu } from "../ui/menu";
import { useMain } from "../use";
import type { Asked } from "./dialogs";
import { headOf, idOf } from "./roving";

const TOLD: Told[] = ["all", "mentions", "none"];

export function SectionHead({
  section,
  title,
  closed,
  current,
  ask,
}: {
  section: Section;
  title: string;
  closed: boolean;
  current: boolean;
  ask: (what: Asked) => void;
}) {
  const { t } = useTranslation();
  const { list, acts, ownSections } = useMain();
  const { name, rooms, byTime } = section;
  const stop = headOf(name);
  const isOwn = section.title !== null;
  const choices: Choice[] = [
    ...(section.unread
      ? [{ name: t("list.readSection"), icon: "check" as const, run: () => void acts.markAllRead(rooms) }]
      : []),
    ...(isOwn
      ? [
          {
            name: t("list.renameSection"),
            icon: "edit" as const,
            run: () => ask({ what: "name", tag: name, name: title, room: null }),
          },
          {
            name: t(byTime ? "list.sortByChoice" : "list.sortByTime"),
            icon: "sliders" as const,
            run: () => void ownSections.sort(name, !byTime),
          },
          { name: t("list.sectionUp"), icon: "up" as const, run: () => void ownSections.move(name, -1) },
          { name: t("list.sectionDown"), icon: "down" as const, run: () => void ownSections.move(name, 1) },
          ...TOLD.map((told) => ({
            name: t(`list.tellSection.${told}`),
            icon: told === "none" ? ("muted" as const) : ("bell" as const),
            run: () => void acts.tellOf(rooms, told, { name: title }),
          })),
        ]
      : []),
    {
      name: t("list.newSection"),
      icon: "plus",
      run: () => ask({ what: "name", tag: null, name: "", room: null }),
    },
    ...(isOwn
      ? [{ name: t("list.removeSection"), icon: "x" as const, danger: true, run: () => void ownSections.remove(name) }]
      : []),
  ];
  return (
    <div className="secthead">
      <h2 className="sect" id={idOf(name)}>
        <button
          type="button"
          aria-expanded={!closed}
          tabIndex={current ? 0 : -1}
          data-stop={stop}
          data-current={current || undefined}
          onClick={() => list.toggle(name)}
        >
          <Icon name={closed ? "right" : "down"} size={14} />
          <span className="cut">{title}</span>
          {closed && section.mentions > 0 && (
            <span className="count">
              @ {section.mentions}
              <span className="sr"> {t("mentions")}</span>
            </span>
          )}
          {closed && section.unread > 0 && <span className="count2">{t("list.unreadIn", { count: section.unread })}</span>}
        </button>
      </h2>
      {tagOf(name) && <Menu apart label={t("list.sectionMenu", { name: title })} className="ib s" choices={choices} />}
    </div>
  );
}
