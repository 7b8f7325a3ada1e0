/** A new playbook: from a model, or of one's own; what it says can be changed before it begins. */

import { useId } from "react";
import { useTranslation } from "react-i18next";
import { MOST_TITLE, PlaybookDraftViewModel } from "../viewmodels/playbooks";
import type { RoomViewModel } from "../viewmodels/room";
import { planWords } from "./playbook_words";
import { Dialog, DialogActions } from "./ui/dialog";
import { AllRequired, Field, Problem } from "./ui/parts";
import { useMain, useOwned, useSnapshot } from "./use";

const MODELS = ["flood", "cyber", "hospital", "own"] as const;

export function PlaybookDialog({ room, onClose }: { room: RoomViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const main = useMain();
  const id = useId();
  const model = useOwned(() => room.make(PlaybookDraftViewModel), room.id);
  const { model: chosen, title, text, busy, problem } = useSnapshot(model);
  const missing = model.missing();
  const start = async (): Promise<void> => {
    const begun = await model.start((called, steps) => planWords(t, called, steps));
    if (!begun) return;
    onClose();
    main.openPanel({ name: "playbook", id: begun });
  };
  return (
    <Dialog
      title={t("playbook.new")}
      hint={t("playbook.newHint")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("playbook.begin")}
          disabled={busy}
          missing={missing && t(missing)}
          onGo={() => void start()}
          onCancel={onClose}
        />
      }
    >
      <div className="stackv">
        <fieldset className="pbmodels">
          <legend className="strong">{t("playbook.model")}</legend>
          {MODELS.map((each) => (
            <label key={each}>
              <input
                type="radio"
                name={id}
                checked={chosen === each}
                onChange={() =>
                  model.choose(
                    each,
                    each === "own" ? "" : t(`playbook.model.${each}`),
                    each === "own" ? "" : t(`playbook.steps.${each}`),
                  )
                }
              />
              {t(`playbook.model.${each}`)}
            </label>
          ))}
        </fieldset>
        {chosen && (
          <>
            <AllRequired />
            <Field label={t("playbook.title")} required value={title} maxLength={MOST_TITLE} onText={model.setTitle} />
            <div className="field">
              <label htmlFor={`${id}-steps`}>{t("playbook.steps")}</label>
              <textarea
                id={`${id}-steps`}
                className="input"
                rows={10}
                required
                value={text}
                aria-describedby={`${id}-how`}
                onChange={(event) => model.setText(event.target.value)}
              />
              <p className="hint" id={`${id}-how`}>
                {t("playbook.how")}
              </p>
            </div>
          </>
        )}
        <Problem problem={problem} />
      </div>
    </Dialog>
  );
}
