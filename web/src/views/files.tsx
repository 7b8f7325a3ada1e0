import { useTranslation } from "react-i18next";
import { FilesViewModel } from "../viewmodels/search";
import { full } from "./format";
import { useArrival } from "./hands/arrive";
import { asOneStop } from "./hands/one_stop";
import { Icon } from "./ui/icon";
import { Empty } from "./ui/parts";
import { useMade, useMain, useSnapshot } from "./use";

/** Files of every room, newest first, as far as this browser has seen them. */
export function FilesPage() {
  const { t } = useTranslation();
  const main = useMain();
  const model = useMade(FilesViewModel, "files");
  const { term, found, count } = useSnapshot(model);
  const names = model.rooms;
  const place = useArrival<HTMLElement>("files");
  return (
    <main className="panel scroll" data-region tabIndex={-1} ref={place} aria-label={t("rail.files")}>
      <div className="page wide">
        <h1>{t("rail.files")}</h1>
        <div className="input mt4 forumseek">
          <Icon name="search" size={18} />
          <input
            aria-label={t("files.search")}
            title={t("files.search")}
            placeholder={t("files.search")}
            data-next
            value={term}
            onChange={(event) => model.type(event.target.value)}
          />
        </div>
        <p className="hint" role="status">
          {t("files.count", { count })}
        </p>
        <p className="tofilters">
          <button type="button" className="link t13" onClick={() => main.search({ term })}>
            {t("search.filtered")}
          </button>
        </p>
        {!found.length && <Empty icon="folder" title={t("files.none")} text={t("files.noneText")} />}
        <ul className="hits mt3" ref={asOneStop}>
          {found.map((each) => (
            <li key={each.eventId}>
              <button type="button" className="row g3" onClick={() => main.openRoom(each.roomId, each.eventId)}>
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
