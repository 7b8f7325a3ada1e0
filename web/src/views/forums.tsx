import { useTranslation } from "react-i18next";
import { ForumsViewModel } from "../viewmodels/forums";
import { useArrival } from "./hands/arrive";
import { asOneStop } from "./hands/one_stop";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { Empty, Problem, SearchBox, Skeleton } from "./ui/parts";
import { useMade, useMain, useSnapshot } from "./use";

export function Forums() {
  const { t } = useTranslation();
  const main = useMain();
  const model = useMade(ForumsViewModel, "forums", main.openRoom);
  const { term, rooms, next, loading, busy, problem, order } = useSnapshot(model);
  const place = useArrival<HTMLElement>("forums");
  return (
    <main className="panel scroll" data-region tabIndex={-1} ref={place} aria-label={t("rail.forums")}>
      <div className="page wide">
        <div className="row g3 wrap">
          <h1 className="grow">{t("rail.forums")}</h1>
          <button type="button" className="btn" onClick={() => main.openCreate("forum")}>
            <Icon name="plus" size={18} />
            {t("create.makeForum")}
          </button>
        </div>
        <div className="row g3 wrap mt4">
          <SearchBox next label={t("forums.search")} value={term} onText={model.type} className="forumseek" />
          <label className="row g2">
            {t("forums.order")}
            <select value={order} onChange={(event) => model.setOrder(event.target.value as "members" | "name")}>
              <option value="members">{t("forums.byMembers")}</option>
              <option value="name">{t("forums.byName")}</option>
            </select>
          </label>
        </div>
        <p className="note mt3">
          <Icon name="globe" size={18} />
          <span>{t("forums.note")}</span>
        </p>
        <Problem problem={problem} onRetry={model.retry} />
        <div role="status" className="sr">
          {loading ? t("loading") : t("forums.count", { count: rooms.length })}
        </div>
        {loading && !rooms.length && <Skeleton rows={5} />}
        {!loading && !rooms.length && !problem && (
          <Empty icon="forum" title={term ? t("forums.noMatch") : t("forums.none")} text={t("forums.noneText")} />
        )}
        <ul className="forumgrid" ref={asOneStop}>
          {rooms.map((each) => (
            <li key={each.id} className="forumcard">
              <Avatar id={each.id} name={each.name} picture={each.avatar} size={44} square />
              <div className="grow min0">
                <h2 className="cut">{each.name}</h2>
                <p className="muted clamp">{each.topic || t("forums.noTopic")}</p>
                <p className="row g1 t13 muted">
                  <Icon name="users" size={15} />
                  {t("room.members", { count: each.members })}
                </p>
              </div>
              {each.joined ? (
                <button type="button" className="btn small" onClick={() => main.openRoom(each.id)}>
                  {t("open")}
                  <span className="sr"> {each.name}</span>
                </button>
              ) : (
                <button type="button" className="btn small" disabled={busy} onClick={() => void model.enter(each)}>
                  {t(each.knock ? "room.askToJoin" : "join")}
                  <span className="sr"> {each.name}</span>
                </button>
              )}
            </li>
          ))}
        </ul>
        {next && (
          <p className="center mt4">
            <button type="button" className="btn" disabled={busy} onClick={() => void model.more()}>
              {t("forums.more")}
            </button>
          </p>
        )}
      </div>
    </main>
  );
}
