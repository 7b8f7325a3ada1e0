import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { MeansTask, RecoveryMeansViewModel } from "../../viewmodels/recovery_means";
import { PasskeyProblem, usePasskeyName } from "../recovery/passkey_parts";
import { RecoveryCodeField, useCodeProblem } from "../recovery_code_field";
import { Dialog, DialogActions } from "../ui/dialog";
import { Field, Problem } from "../ui/parts";
import { useApp, useSnapshot } from "../use";

type Task<S extends MeansTask["step"]> = Extract<MeansTask, { step: S }>;

/** What is being done with a passkey, a step at a time. */
export function MeansDialog({ model, task }: { model: RecoveryMeansViewModel; task: MeansTask }) {
  const { isUnlocked } = useSnapshot(model);
  if (task.step === "unlock" && !isUnlocked) return <Unlock model={model} />;
  if (task.step === "unlock") return <Renew model={model} task={task} />;
  if (task.step === "create") return <Create model={model} />;
  if (task.step === "name") return <Name model={model} task={task} />;
  return <Remove model={model} task={task} />;
}

/** The code, or a passkey that there is: what another passkey is given has to be opened first. */
function Unlock({ model }: { model: RecoveryMeansViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const { hasCode, typed, codeProblem, passkeyProblem, busy, problem } = useSnapshot(model);
  const error = useCodeProblem(codeProblem, null);
  return (
    <Dialog
      title={t("passkeys.unlockTitle")}
      hint={t("passkeys.unlockHint")}
      onClose={model.end}
      foot={
        hasCode ? (
          <DialogActions
            go={t("passkeys.unlockGo")}
            disabled={busy || !typed.trim()}
            onGo={() => void model.unlockByCode()}
            onCancel={model.end}
          />
        ) : undefined
      }
    >
      {hasCode && <RecoveryCodeField typed={typed} onType={model.type} error={error} />}
      <PasskeyProblem problem={passkeyProblem} />
      <Problem problem={problem} />
      <div className="row g3 mt4 wrap">
        {model.hasUsable && (
          <button
            type="button"
            className={hasCode ? "btn" : "btn main"}
            data-next={!hasCode || undefined}
            disabled={busy}
            onClick={() => void model.unlockByPasskey()}
          >
            {t("passkeys.unlockPasskey")}
          </button>
        )}
        {hasCode && (
          <button type="button" className="link" onClick={app.replaceCode}>
            {t("passkeys.unlockNone")}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function Renew({ model, task }: { model: RecoveryMeansViewModel; task: Task<"unlock"> }) {
  const { t } = useTranslation();
  const nameOf = usePasskeyName();
  const { passkeyProblem, busy, problem } = useSnapshot(model);
  return (
    <Dialog
      title={t("passkeys.renewTitle", { name: task.renewed ? nameOf(task.renewed) : "" })}
      hint={t("passkeys.renewHint")}
      onClose={model.end}
      foot={
        <DialogActions go={t("passkeys.renew")} disabled={busy} onGo={() => void model.finishRenewing()} onCancel={model.end} />
      }
    >
      <PasskeyProblem problem={passkeyProblem} />
      <Problem problem={problem} />
    </Dialog>
  );
}

function Create({ model }: { model: RecoveryMeansViewModel }) {
  const { t } = useTranslation();
  const { passkeyProblem, busy, problem } = useSnapshot(model);
  return (
    <Dialog
      title={t("passkeys.add")}
      hint={t("passkeys.createHint")}
      onClose={model.end}
      foot={
        <DialogActions
          go={t(busy ? "means.making" : "means.make")}
          disabled={busy}
          onGo={() => void model.create()}
          onCancel={model.end}
        />
      }
    >
      <PasskeyProblem problem={passkeyProblem} />
      <Problem problem={problem} />
    </Dialog>
  );
}

function Name({ model, task }: { model: RecoveryMeansViewModel; task: Task<"name"> }) {
  const { t } = useTranslation();
  const nameOf = usePasskeyName();
  const { busy, problem } = useSnapshot(model);
  const [name, setName] = useState(nameOf(task));
  return (
    <Dialog
      title={t(task.isNew ? "passkeys.addedTitle" : "passkeys.nameTitle")}
      hint={task.isNew ? t("means.activeLead") : undefined}
      onClose={model.end}
      foot={
        <DialogActions go={t("save")} disabled={busy || !name.trim()} onGo={() => void model.name(name)} onCancel={model.end} />
      }
    >
      <Field label={t("passkeys.name")} value={name} onText={setName} maxLength={60} hint={t("passkeys.nameHint")} />
      <Problem problem={problem} />
    </Dialog>
  );
}

/** What opens one's messages is never taken away last. */
function Remove({ model, task }: { model: RecoveryMeansViewModel; task: Task<"remove"> }) {
  const { t } = useTranslation();
  const app = useApp();
  const nameOf = usePasskeyName();
  const { busy, problem } = useSnapshot(model);
  if (task.isLast)
    return (
      <Dialog
        title={t("passkeys.lastTitle")}
        hint={t("passkeys.lastHint")}
        onClose={model.end}
        foot={
          <DialogActions
            go={t("banner.makeCode")}
            onGo={() => {
              model.end();
              if (model.hasUsable) void model.openForCode(app.writeCode);
              else app.replaceCode();
            }}
            onCancel={model.end}
          />
        }
      >
        {null}
      </Dialog>
    );
  return (
    <Dialog
      alert
      title={t("passkeys.removeTitle", { name: nameOf(task.passkey) })}
      hint={t("passkeys.removeHint")}
      onClose={model.end}
      foot={
        <DialogActions go={t("devices.remove")} danger disabled={busy} onGo={() => void model.remove()} onCancel={model.end} />
      }
    >
      <Problem problem={problem} />
    </Dialog>
  );
}
