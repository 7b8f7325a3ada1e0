import { useState } from "react";
import { useTranslation } from "react-i18next";
import { choices, isPossible } from "../viewmodels/schedule";
import { full } from "./format";
import { Dialog, DialogActions } from "./ui/dialog";
import { WhenField } from "./ui/when_field";

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
      <div className="mt4">
        <WhenField
          what="moment"
          label={t("schedule.when")}
          value={typed}
          onValue={setTyped}
          error={wrong ? t("schedule.wrong") : null}
        />
      </div>
    </Dialog>
  );
}
