import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomViewModel } from "../viewmodels/room";
import { Dialog, DialogActions } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { AllRequired, Field, Problem, Switch } from "./ui/parts";
import { useSnapshot } from "./use";

export function PollDialog({ room, thread, onClose }: { room: RoomViewModel; thread: string | null; onClose: () => void }) {
  const { t } = useTranslation();
  const { busy, problem } = useSnapshot(room);
  const [question, setQuestion] = useState("");
  const [answers, setAnswers] = useState(["", ""]);
  const [open, setOpen] = useState(true);
  const given = answers.map((each) => each.trim()).filter(Boolean);
  const send = async (): Promise<void> => {
    if (await room.startPoll(question.trim(), given, open, thread)) onClose();
  };
  return (
    <Dialog
      title={t("poll.new")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("poll.create")}
          disabled={busy || !question.trim() || given.length < 2}
          onGo={() => void send()}
          onCancel={onClose}
        />
      }
    >
      <div className="stackv">
        <AllRequired />
        <Field label={t("poll.question")} required value={question} onText={setQuestion} maxLength={340} />
        {answers.map((each, index) => (
          <Field
            key={index}
            label={t(index < 2 ? "poll.answer" : "poll.answerMore", { number: index + 1 })}
            required={index < 2}
            value={each}
            maxLength={340}
            onText={(text) => setAnswers(answers.map((other, at) => (at === index ? text : other)))}
            after={
              answers.length > 2 ? (
                <button
                  type="button"
                  className="ib s"
                  aria-label={t("poll.remove", { number: index + 1 })}
                  onClick={() => setAnswers(answers.filter((_, at) => at !== index))}
                >
                  <Icon name="x" size={16} />
                </button>
              ) : undefined
            }
          />
        ))}
        {answers.length < 20 && (
          <button type="button" className="btn quiet" onClick={() => setAnswers([...answers, ""])}>
            <Icon name="plus" size={18} />
            {t("poll.add")}
          </button>
        )}
        <Switch label={t("poll.visible")} hint={t("poll.visibleHint")} on={open} onChange={setOpen} />
        <Problem problem={problem} />
      </div>
    </Dialog>
  );
}
