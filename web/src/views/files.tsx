import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Found } from "../matrix/message_index";
import { clock } from "../platform/clock";
import { full } from "./format";
import { Icon } from "./ui/icon";
import { Empty } from "./ui/parts";
import { useApp } from "./use";

/** Files of every room, newest first, as far as this browser has seen them. */
export function FilesPage() {
  const { t } = useTranslation();
  const app = useApp();
  const [term, setTerm] = useState("");
  const [found, setFound] = useState<Found[]>([]);
  useEffect(() => clock.after(100, () => void app.index!.files(term, 100).then(setFound)), [term, app.index]);
  const names = new Map(app.matrix!.rooms.list().map((each) => [each.id, each.name]));
  return (
    <main className="panel scroll" data-region tabIndex={-1} aria-label={t("rail.files")}>
      <div className="page wide">
        <h1>{t("rail.files")}</h1>
        <div className="input mt4 forumseek">
          <Icon name="search" size={18} />
          <input
            aria-label={t("files.search")}
            placeholder={t("files.search")}
            value={term}
            onChange={(event) => setTerm(event.target.value)}
          />
        </div>
        <p className="hint" role="status">
          {t("files.count", { count: found.length })}
        </p>
        {!found.length && <Empty icon="folder" title={t("files.none")} text={t("files.noneText")} />}
        <ul className="hits mt3">
          {found.map((each) => (
            <li key={each.eventId}>
              <button type="button" className="row g3" onClick={() => app.openRoom(each.roomId, each.eventId)}>
                <span className="ficon">
                  <Icon name="doc" />
                </span>
                <span className="grow min0">
                  <b className="cut block">{each.text}</b>
                  <span className="t13 muted">
                    {each.sender} · {names.get(each.roomId)} · {full(each.ts)}
                  </span>
                </span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </main>
  );
}
