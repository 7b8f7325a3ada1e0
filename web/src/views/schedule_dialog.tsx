import { useState } from "react";
import { useTranslation } from "react-i18next";
import { choices, isPossible } from "../viewmodels/schedule";
import { full } from "./format";
import { Dialog, DialogActions } from "./ui/dialog";

export function ScheduleDialog({
  empty,
  onChoose,
  onClose,
}: {
  empty: boolean;
  onChoose: (at: number) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const chosen = typed ? new Date(typed).getTime() : Number.NaN;
  const wrong = typed !== "" && !isPossible(chosen);
  if (empty)
    return (
      <Dialog title={t("schedule.title")} onClose={onClose}>
        <p>{t("schedule.empty")}</p>
      </Dialog>
    );
  return (
    <Dialog
      title={t("schedule.title")}
      hint={t("schedule.hint")}
      onClose={onClose}
      foot={<DialogActions go={t("schedule.do")} disabled={!typed || wrong} onGo={() => onChoose(chosen)} onCancel={onClose} />}
    >
      <ul className="was">
        {choices().map((each, index) => (
          <li key={each}>
            <button type="button" className="wa" data-next={index === 0 || undefined} onClick={() => onChoose(each)}>
              {full(each)}
            </button>
          </li>
        ))}
      </ul>
      <div className="field mt4">
        <label htmlFor="when">{t("schedule.when")}</label>
        <div className="input">
          <input
            id="when"
            type="datetime-local"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            aria-invalid={wrong}
          />
        </div>
        {wrong && (
          <p className="hint bad" role="alert">
            {t("schedule.wrong")}
          </p>
        )}
      </div>
    </Dialog>
  );
}
