/** A step of a plan: a line to tick, and the window in which it is given to somebody. */

import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { StepState } from "../matrix/playbook_merge";
import type { Playbook, PlaybookStep } from "../matrix/playbooks";
import { DUES, type PlaybookViewModel, urgency } from "../viewmodels/playbooks";
import { asMessage, doneWords, dueWords, when } from "./playbook_words";
import { Avatar } from "./ui/avatar";
import { Dialog, DialogActions } from "./ui/dialog";
import { Segmented } from "./ui/parts";
import { useSnapshot } from "./use";

interface RowProps {
  step: PlaybookStep;
  book: Playbook;
  model: PlaybookViewModel;
  isOpen: boolean;
  onOpen: () => void;
}

export function StepRow({ step, book, model, isOpen, onOpen }: RowProps) {
  const { t } = useTranslation();
  const { now } = useSnapshot(model);
  const { state, text, owner } = step;
  const tick = (next: StepState): void => {
    const body = asMessage(t, book.title, doneWords(t, { kind: "state", text, state: next }, ""));
    void model.tick(step, next, body);
  };
  const take = (): void => {
    void model.give(step, model.me, asMessage(t, book.title, t("playbook.log.taken", { text })));
  };
  const due = dueWords(t, step, now, book.closed !== null);
  const how = state === "todo" && !book.closed ? urgency(step.due, now) : null;
  return (
    <li className={`pbstep is-${state}`}>
      <input
        type="checkbox"
        className="box"
        aria-label={text}
        checked={state === "done"}
        disabled={!isOpen}
        onChange={() => tick(state === "done" ? "todo" : "done")}
      />
      <button type="button" className="pbtext" onClick={onOpen} aria-label={t("playbook.details", { text })}>
        {text}
      </button>
      <span className={`pbdue ${how ?? ""}`}>{due}</span>
      {owner ? (
        <span className="row g1">
          <Avatar id={owner.id} name={owner.name} picture={owner.avatar} size={24} />
          <span className="sr">{t("playbook.ownedBy", { name: owner.name })}</span>
        </span>
      ) : (
        state === "todo" &&
        isOpen && (
          <button
            type="button"
            className="btn small quiet"
            aria-label={t(book.mayLead ? "playbook.giveOf" : "playbook.takeOf", { text })}
            onClick={book.mayLead ? onOpen : take}
          >
            {t(book.mayLead ? "playbook.give" : "playbook.take")}
          </button>
        )
      )}
    </li>
  );
}

interface DialogProps {
  step: PlaybookStep;
  book: Playbook;
  model: PlaybookViewModel;
  onClose: () => void;
}

export function StepDialog({ step, book, model, onClose }: DialogProps) {
  const { t } = useTranslation();
  const id = useId();
  const { members } = useSnapshot(model);
  const [state, setState] = useState(step.state);
  const [owner, setOwner] = useState(step.owner?.id ?? "");
  const [minutes, setMinutes] = useState("");
  const { text } = step;
  const own = model.me;
  const people = members.filter((each) => each.id !== own && (book.mayLead || each.id === step.owner?.id));
  const say = (done: string): string => asMessage(t, book.title, done);
  const save = async (): Promise<void> => {
    onClose();
    if (owner !== (step.owner?.id ?? "")) {
      const given = owner ? { id: owner, name: members.find((each) => each.id === owner)?.name ?? owner } : null;
      await model.give(step, owner || null, say(doneWords(t, { kind: "owner", text, owner: given }, own)));
    }
    if (minutes) {
      const due = minutes === "none" ? null : model.dueIn(Number(minutes));
      await model.setDue(step, due, say(doneWords(t, { kind: "due", text, due: due ?? undefined }, own)));
    }
    if (state !== step.state) await model.tick(step, state, say(doneWords(t, { kind: "state", text, state }, own)));
  };
  const done = step.by && step.at !== null ? t(`playbook.by.${step.state}`, { name: step.by.name, time: when(step.at) }) : "";
  if (book.closed)
    return (
      <Dialog title={text} hint={done || t("playbook.by.none")} onClose={onClose}>
        <p>{step.owner ? t("playbook.ownedBy", { name: step.owner.name }) : t("playbook.nobody")}</p>
      </Dialog>
    );
  return (
    <Dialog
      title={text}
      hint={done}
      onClose={onClose}
      foot={<DialogActions go={t("save")} onGo={() => void save()} onCancel={onClose} />}
    >
      <div className="stackv">
        <Segmented
          label={t("playbook.state")}
          value={state}
          options={[
            ["todo", t("playbook.todo")],
            ["done", t("playbook.done")],
            ["not_applicable", t("playbook.not_applicable")],
          ]}
          onChange={setState}
        />
        <div className="field">
          <label htmlFor={`${id}-owner`}>{t("playbook.owner")}</label>
          <select id={`${id}-owner`} value={owner} onChange={(event) => setOwner(event.target.value)}>
            {(book.mayLead || !step.owner || step.owner.id === own) && <option value="">{t("playbook.nobody")}</option>}
            <option value={own}>{t("playbook.me")}</option>
            {people.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name}
              </option>
            ))}
          </select>
        </div>
        {book.mayLead && (
          <div className="field">
            <label htmlFor={`${id}-due`}>{t("playbook.due")}</label>
            <select id={`${id}-due`} value={minutes} onChange={(event) => setMinutes(event.target.value)}>
              <option value="">{step.due ? t("playbook.before", { time: when(step.due) }) : t("playbook.noDue")}</option>
              {step.due && <option value="none">{t("playbook.noDue")}</option>}
              {DUES.map((each) => (
                <option key={each} value={each}>
                  {t("playbook.in", { seconds: each * 60 })}
                </option>
              ))}
            </select>
          </div>
        )}
      </div>
    </Dialog>
  );
}
