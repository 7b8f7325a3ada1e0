/** One's own status: what, in what words, until when, whether something rings meanwhile. */

import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { CHOICES, type Draft, type EndKey, MOST_WORDS, SUGGESTIONS } from "../viewmodels/status";
import { hourWords } from "../viewmodels/status_words";
import { Shape, useStatuses } from "./status";
import { Dialog, DialogActions } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { Field, Problem, Switch } from "./ui/parts";
import { WhenInput } from "./ui/when_field";
import { useMain, useSnapshot } from "./use";

export function StatusDialog({ onClose }: { onClose: () => void }) {
  const { t, i18n } = useTranslation();
  const main = useMain();
  const statuses = useStatuses();
  const { busy, problem } = useSnapshot(statuses);
  const [draft, setDraft] = useState(() => statuses.draft());
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const isWrong = statuses.endOf(draft) === undefined;
  const mayBeSilent = draft.state !== "available" && draft.state !== "hidden";
  const hasEnd = draft.state !== "available" || draft.text.trim() !== "";
  const save = async (): Promise<void> => {
    if (!(await statuses.choose(draft, t(`status.${draft.state}`), i18n.language))) return;
    main.say("status.saved");
    onClose();
  };
  return (
    <Dialog
      title={t("status.mine")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("status.save")}
          disabled={busy}
          missing={isWrong ? t("status.whenWrong") : null}
          onGo={() => void save()}
          onCancel={onClose}
        />
      }
    >
      <fieldset className="statuschoices">
        <legend className="sr">{t("status.choices")}</legend>
        {CHOICES.map((each) => (
          <label key={each} className="stitem">
            <input
              type="radio"
              name="status"
              checked={draft.state === each}
              data-next={draft.state === each || undefined}
              onChange={() => change({ state: each })}
            />
            <Shape state={each} />
            <span className="grow">{t(`status.${each}`)}</span>
            {draft.state === each && <Icon name="check" size={16} />}
          </label>
        ))}
      </fieldset>
      {draft.state === "hidden" ? (
        <p className="hint">{t("status.hiddenHint")}</p>
      ) : (
        <>
          <Field
            label={t("status.text")}
            hint={t("status.textHint")}
            value={draft.text}
            maxLength={MOST_WORDS}
            onText={(text) => change({ text })}
          />
          <div className="chips statuschips" role="group" aria-label={t("status.suggestions")}>
            {SUGGESTIONS.map(({ key, state }) => (
              <button
                key={key}
                type="button"
                className="chip"
                onClick={() => change({ state, text: t(`status.suggestion.${key}`) })}
              >
                {t(`status.suggestion.${key}`)}
              </button>
            ))}
          </div>
        </>
      )}
      {hasEnd && <End draft={draft} change={change} isWrong={isWrong} />}
      {mayBeSilent && (
        <Switch
          label={t("status.silent")}
          hint={t("status.silentHint")}
          on={draft.silent}
          onChange={(silent) => change({ silent })}
        />
      )}
      <Problem problem={problem} />
    </Dialog>
  );
}

function End({ draft, change, isWrong }: { draft: Draft; change: (part: Partial<Draft>) => void; isWrong: boolean }) {
  const { t, i18n } = useTranslation();
  const statuses = useStatuses();
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{t("status.end")}</label>
      <select id={id} value={draft.end} onChange={(event) => change({ end: event.target.value as EndKey })}>
        {statuses.ends().map(({ key, at }) => (
          <option key={key} value={key}>
            {t(`status.end.${key}`)}
            {at !== null && ` (${hourWords(at, i18n.language)})`}
          </option>
        ))}
      </select>
      {draft.end === "other" && (
        <div className="mt2">
          <WhenInput
            what="moment"
            name={t("status.when")}
            value={draft.other}
            onValue={(other) => change({ other })}
            error={isWrong ? t("schedule.wrong") : null}
            isTold
          />
        </div>
      )}
    </div>
  );
}
