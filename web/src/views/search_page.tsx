import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { Named } from "../matrix/message_index";
import { clock, isoDay } from "../platform/clock";
import { type Ask, WHATS, WHENS, type What, type When } from "../viewmodels/search_ask";
import { type Hit, SearchPageViewModel } from "../viewmodels/search_page";
import { full } from "./format";
import { useArrival } from "./hands/arrive";
import { asOneStop } from "./hands/one_stop";
import type { IconName } from "./icons";
import "../styles/search.css";
import { Marked } from "./panels/found";
import { Icon } from "./ui/icon";
import { Empty, SearchBox } from "./ui/parts";
import { WhenInput } from "./ui/when_field";
import { useApp, useMade, useMain, useSnapshot } from "./use";

const ICONS: Record<Hit["kind"], IconName> = { text: "chat", image: "image", video: "video", sound: "mic", document: "doc" };

/** Messages and files of every room, with filters. */
export function SearchPage({ ask }: { ask: Ask }) {
  const { t } = useTranslation();
  const main = useMain();
  const model = useMade(SearchPageViewModel, "search", ask, main.keepAsked);
  const { term, found, count } = useSnapshot(model);
  const place = useArrival<HTMLElement>("search");
  return (
    <main className="panel scroll" data-region tabIndex={-1} ref={place} aria-label={t("search.title")}>
      <div className="page wide">
        <h1>{t("search.title")}</h1>
        <SearchBox next label={t("search.all")} value={term} onText={model.type} className="mt4" />
        <Filters model={model} />
        <p className="hint mt3" role="status">
          {found ? t("search.results", { count }) : t("search.local")}
        </p>
        <Standing model={model} />
        {found?.length === 0 && <Empty icon="search" title={t("search.none")} text={t("search.noneText")} />}
        <ul className="hits mt3" ref={asOneStop}>
          {found?.map((each) => (
            <li key={each.eventId}>
              <button type="button" className="row g3" onClick={() => main.openRoom(each.roomId, each.eventId)}>
                <span className="ficon">
                  <Icon name={ICONS[each.kind]} />
                </span>
                <span className="grow min0">
                  <span className="row g2 spread">
                    <span className="cut">
                      <b>{each.sender}</b> <span className="t13 muted">{each.room}</span>
                    </span>
                    <time className="t12 faint">{full(each.ts)}</time>
                  </span>
                  <Marked text={each.text} term={term} />
                </span>
              </button>
            </li>
          ))}
        </ul>
        {found && found.length < count && (
          <button type="button" className="btn mt4" onClick={model.more}>
            {t("search.more")}
          </button>
        )}
      </div>
    </main>
  );
}

function Filters({ model }: { model: SearchPageViewModel }) {
  const { t } = useTranslation();
  const { room, sender, when, since, until, what, rooms, senders } = useSnapshot(model);
  const latest = isoDay(clock.now());
  return (
    <div className="filters mt3" role="group" aria-label={t("search.filters")}>
      <Choice
        label={t("search.who")}
        all={t("search.anybody")}
        chosen={sender}
        among={senders}
        choose={(id) => model.choose({ sender: id })}
      />
      <Choice
        label={t("search.where")}
        all={t("search.anywhere")}
        chosen={room}
        among={rooms}
        choose={(id) => model.choose({ room: id })}
      />
      <Labelled label={t("search.when")}>
        {(id) => (
          <select id={id} value={when} onChange={(event) => model.choose({ when: event.target.value as When })}>
            {WHENS.map((each) => (
              <option key={each} value={each}>
                {t(`search.when.${each}`)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled label={t("search.what")}>
        {(id) => (
          <select id={id} value={what} onChange={(event) => model.choose({ what: event.target.value as What })}>
            {WHATS.map((each) => (
              <option key={each} value={each}>
                {t(`search.what.${each}`)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      {when === "between" && (
        <>
          <Labelled label={t("search.since")}>
            {(id) => (
              <WhenInput
                what="date"
                id={id}
                value={since}
                max={until || latest}
                onValue={(day) => model.choose({ since: day })}
              />
            )}
          </Labelled>
          <Labelled label={t("search.until")}>
            {(id) => (
              <WhenInput
                what="date"
                id={id}
                value={until}
                min={since}
                max={latest}
                onValue={(day) => model.choose({ until: day })}
              />
            )}
          </Labelled>
        </>
      )}
      {model.isFiltered && (
        <button type="button" className="link" onClick={model.clearFilters}>
          {t("search.clear")}
        </button>
      )}
    </div>
  );
}

function Labelled({ label, children }: { label: string; children: (id: string) => React.ReactNode }) {
  const id = useId();
  return (
    <div className="filter">
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  all: string;
  chosen: string | null;
  among: Named[];
  choose: (id: string | null) => void;
}

/** One of those that results are of; the one that is chosen stays, also where it has none. */
function Choice({ label, all, chosen, among, choose }: ChoiceProps) {
  const main = useMain();
  const isKnown = among.some((each) => each.id === chosen);
  return (
    <Labelled label={label}>
      {(id) => (
        <select id={id} value={chosen ?? ""} onChange={(event) => choose(event.target.value || null)}>
          <option value="">{all}</option>
          {chosen && !isKnown && <option value={chosen}>{main.nameOf(chosen)}</option>}
          {among.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name} ({each.count})
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

/** What may be missing among the results, and why. */
function Standing({ model }: { model: SearchPageViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const { indexed, isBehind, isUnconfirmed } = useSnapshot(model);
  if (isUnconfirmed)
    return (
      <p className="note mt3">
        <Icon name="key" size={18} />
        <span>
          {t("search.unconfirmed")}{" "}
          <button type="button" className="link" onClick={app.askConfirm}>
            {t("banner.confirm")}
          </button>
        </span>
      </p>
    );
  return isBehind ? (
    <p className="note mt3">
      <Icon name="clock" size={18} />
      <span>{t("search.behind", { count: indexed })}</span>
    </p>
  ) : null;
}
