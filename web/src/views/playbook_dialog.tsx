/** A new playbook: from a model, or of one's own; what it says can be changed before it begins. */

import { useId } from "react";
import { useTranslation } from "react-i18next";
import { PlaybookDraftViewModel } from "../viewmodels/playbook_draft";
import { MOST_TITLE } from "../viewmodels/playbook_text";
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
  const { model: chosen, title, text, own, isLocked, busy, problem } = useSnapshot(model);
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
        {own.length > 0 && (
          <fieldset className="pbmodels">
            <legend className="strong">{t("playbook.models")}</legend>
            {own.map((each) => (
              <label key={each.id}>
                <input
                  type="radio"
                  name={id}
                  checked={chosen === each.id}
                  onChange={() => model.choose(each.id, each.title, each.text)}
                />
                <span className="anywhere">{each.title}</span>
              </label>
            ))}
          </fieldset>
        )}
        {isLocked && own.length === 0 && <p className="hint">{t("playbook.models.locked")}</p>}
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
            <OwnModel model={model} />
          </>
        )}
        <Problem problem={problem} />
      </div>
    </Dialog>
  );
}

/** What is written is kept as a model of one's own, which only oneself sees. */
function OwnModel({ model }: { model: PlaybookDraftViewModel }) {
  const { t } = useTranslation();
  const { busy, done } = useSnapshot(model);
  const chosen = model.chosen();
  const isChanging = busy || model.missing() !== null;
  return (
    <>
      <div className="row g2 wrap">
        {chosen && (
          <button type="button" className="btn small" disabled={isChanging} onClick={() => void model.keep(false)}>
            {t("playbook.models.update")}
          </button>
        )}
        <button type="button" className="btn small" disabled={isChanging} onClick={() => void model.keep(true)}>
          {t(chosen ? "playbook.models.another" : "playbook.models.keep")}
        </button>
        {chosen && (
          <button type="button" className="btn small" disabled={busy} onClick={() => void model.remove()}>
            {t("playbook.models.remove")}
          </button>
        )}
      </div>
      <p className="hint" role="status">
        {done && t(`playbook.models.${done}`)}
      </p>
    </>
  );
}
