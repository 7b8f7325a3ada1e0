/** What a room with a playbook has beside its conversation. */

import { createContext, useContext } from "react";
import { useTranslation } from "react-i18next";
import { OpenPlaybooks } from "../viewmodels/playbooks";
import type { RoomViewModel } from "../viewmodels/room";
import type { IconName } from "./icons";
import { Icon } from "./ui/icon";
import { useMain, useOwned, useSnapshot } from "./use";
import "../styles/playbook.css";

const Plans = createContext<OpenPlaybooks | null>(null);

/** A room whose parts know what is under way there. */
export function WithPlans({ room, children }: { room: RoomViewModel; children: React.ReactNode }) {
  const plans = useOwned(() => room.make(OpenPlaybooks), room.id);
  return <Plans value={plans}>{children}</Plans>;
}

const NOTHING: ReturnType<OpenPlaybooks["snapshot"]> = { open: [] };
const NOWHERE = { subscribe: () => () => {}, snapshot: () => NOTHING };

/** `enter`: takes what was said into the log; null where nothing is under way. */
export function useOpenPlans(): Pick<OpenPlaybooks, "enter"> | null {
  const plans = useContext(Plans);
  const { open } = useSnapshot(plans ?? NOWHERE);
  return open.length ? plans : null;
}

export function PlaybookTabs({ shown }: { shown: string | null }) {
  const { t } = useTranslation();
  const main = useMain();
  const { open } = useSnapshot(useContext(Plans) ?? NOWHERE);
  const books = open.slice(0, 3);
  if (shown && !books.some((each) => each.id === shown)) books.unshift({ id: shown, title: "" });
  if (!books.length) return null;
  const tab = (key: string, icon: IconName, name: string, isHere: boolean, go: () => void) => (
    <button key={key} type="button" aria-current={isHere ? "page" : undefined} onClick={go}>
      <Icon name={icon} size={18} />
      <span className="cut">{name}</span>
    </button>
  );
  return (
    <nav className="pbtabs" aria-label={t("playbook.parts")}>
      {tab("talk", "chat", t("playbook.talk"), shown === null, () => main.openPanel(null))}
      {books.map(({ id, title }) =>
        tab(id, "list", books.length > 1 && title ? title : t("playbook.plan"), shown === id, () =>
          main.openPanel({ name: "playbook", id }),
        ),
      )}
    </nav>
  );
}
