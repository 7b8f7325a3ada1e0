/** What waits for one across all rooms, under the search. */

import { useTranslation } from "react-i18next";
import { Icon } from "../ui/icon";
import { useMain, useSnapshot } from "../use";

export function Entries() {
  const { t } = useTranslation();
  const { threads } = useMain();
  const { count } = useSnapshot(threads);
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
    </nav>
  );
}
