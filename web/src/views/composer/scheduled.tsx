import { useTranslation } from "react-i18next";
import type { ComposerViewModel } from "../../viewmodels/composer";
import type { Waiting } from "../../viewmodels/composer_state";
import { full } from "../format";
import { Icon } from "../ui/icon";

/** What is sent later: at once after all, or not at all. */
export function Scheduled({ scheduled, model }: { scheduled: Waiting[]; model: ComposerViewModel }) {
  const { t } = useTranslation();
  return (
    <ul className="uploads">
      {scheduled.map((each) => (
        <li key={each.id} className="note">
          <Icon name="clock" size={18} />
          <span className="grow">{t("schedule.waiting", { when: full(each.at) })}</span>
          <button type="button" className="link" onClick={() => void model.unschedule(each.id, true)}>
            {t("schedule.now")}
          </button>
          <button type="button" className="link" onClick={() => void model.unschedule(each.id, false)}>
            {t("cancel")}
          </button>
        </li>
      ))}
    </ul>
  );
}
