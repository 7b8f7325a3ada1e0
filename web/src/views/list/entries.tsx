/** What waits for one across all rooms, under the search. */

import { useTranslation } from "react-i18next";
import { Icon } from "../ui/icon";
import { useMain, useSnapshot } from "../use";

export function Entries() {
  const { t } = useTranslation();
  const main = useMain();
  const { count } = useSnapshot(main.threads);
  const { due } = useSnapshot(main.saved);
  const { route } = useSnapshot(main);
  return (
    <nav className="entries" aria-label={t("list.entries")}>
      <a className="entry" href="#/threads">
        <Icon name="thread" size={18} />
        {t("threads.title")}
        {count > 0 && (
          <span className="entrycount">
            <span aria-hidden="true">{count}</span>
            <span className="sr">, {t("threads.count", { count })}</span>
          </span>
        )}
      </a>
      <a className="entry" href="#/saved" aria-current={route.screen === "saved" ? "page" : undefined}>
        <Icon name="bookmark" size={18} />
        {t("saved.title")}
        {due > 0 && (
          <span className="entrycount">
            <span aria-hidden="true">{due}</span>
            <span className="sr">, {t("saved.count", { count: due })}</span>
          </span>
        )}
      </a>
    </nav>
  );
}
