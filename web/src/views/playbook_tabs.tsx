/** What a room with a playbook has beside its conversation. */

import { useTranslation } from "react-i18next";
import { OpenPlaybooks } from "../viewmodels/playbooks";
import type { RoomViewModel } from "../viewmodels/room";
import type { IconName } from "./icons";
import { Icon } from "./ui/icon";
import { useMain, useOwned, useSnapshot } from "./use";
import "../styles/playbook.css";

export function PlaybookTabs({ room, shown }: { room: RoomViewModel; shown: string | null }) {
  const { t } = useTranslation();
  const main = useMain();
  const model = useOwned(() => room.make(OpenPlaybooks), room.id);
  const { open } = useSnapshot(model);
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
