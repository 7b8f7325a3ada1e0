/** What was done with the list, said once, and how it is undone; how a room is moved by the arrows. */

import { useTranslation } from "react-i18next";
import { Icon } from "../ui/icon";
import { useMain, useSnapshot } from "../use";

export function MovingHelp() {
  const { t } = useTranslation();
  const { acts, list } = useMain();
  const { moving, stands } = useSnapshot(acts);
  const { sections } = useSnapshot(list);
  const titleOf = (name: string): string => sections.find((each) => each.name === name)?.title ?? t(`list.section.${name}`);
  return (
    <>
      {moving && (
        <div className="movehelp">
          <b>{t("list.moving", { name: moving.name })}</b>
          <kbd>↑</kbd>
          <kbd>↓</kbd>
          <kbd>{t("list.enter")}</kbd>
          <span>{t("list.drop")}</span>
          <kbd>{t("list.escape")}</kbd>
          <span>{t("list.giveUp")}</span>
        </div>
      )}
      <div className="sr" role="status" data-testid="stands">
        {moving && `${t("list.movingHelp")} `}
        {stands &&
          t("list.stands", { name: stands.name, place: stands.place, of: stands.of, section: titleOf(stands.section) })}
      </div>
    </>
  );
}

export function DoneBar() {
  const { t } = useTranslation();
  const { acts } = useMain();
  const { done, problem } = useSnapshot(acts);
  return (
    <div className="donebox">
      <div role="status">
        {done && (
          <p className="donebar" key={done.turn}>
            <span className="grow">{t(done.key, done.values)}</span>
            {done.undo && (
              <button type="button" className="link" aria-keyshortcuts="Control+Z" onClick={() => void acts.undo()}>
                {t("undo")}
              </button>
            )}
          </p>
        )}
      </div>
      <div role="alert">
        {problem && (
          <p className="donebar bad">
            <Icon name="warn" size={18} />
            <span className="grow">{t(problem.key, problem.values)}</span>
            <button type="button" className="link" onClick={acts.dismiss}>
              {t("close")}
            </button>
          </p>
        )}
      </div>
    </div>
  );
}
