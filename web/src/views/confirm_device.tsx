import { useTranslation } from "react-i18next";
import type { ConfirmDeviceViewModel } from "../viewmodels/confirm_device";
import { useArrival } from "./hands/arrive";
import { Lost, Reset } from "./recovery/lost";
import { PasskeyProblem, usePasskeyName } from "./recovery/passkey_parts";
import { RecoveryCodeField, useCodeProblem } from "./recovery_code_field";
import { Icon } from "./ui/icon";
import { Problem, StepTitle } from "./ui/parts";
import { CONTENT, SkipLink } from "./ui/skip";
import { useApp, useSnapshot } from "./use";
import { VerificationBody } from "./verification";
import "../styles/recovery.css";
import { Form } from "./ui/form";

export function ConfirmDevice({ model }: { model: ConfirmDeviceViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const { configuration } = useSnapshot(app);
  const { step, verification } = useSnapshot(model);
  const place = useArrival<HTMLElement>(verification ? "verification" : step);
  return (
    <div className="centred">
      <SkipLink />
      <main className="first small" id={CONTENT} tabIndex={-1} ref={place}>
        <div className="row spread">
          <div className="row g2 strong">
            <Icon name="logo" size={28} />
            {configuration?.brand.name}
          </div>
          {step !== "choose" && <span className="t13 muted">{t("confirm.title")}</span>}
        </div>
        <div className="mt6">
          {verification ? (
            <>
              <StepTitle>{t("confirm.other")}</StepTitle>
              <VerificationBody model={verification} />
              <button type="button" className="btn quiet mt4" onClick={() => void verification.cancel()}>
                {t("cancel")}
              </button>
            </>
          ) : step === "choose" ? (
            <Choose model={model} />
          ) : step === "code" ? (
            <Code model={model} />
          ) : step === "lost" ? (
            <Lost model={model} />
          ) : (
            <Reset model={model} />
          )}
        </div>
      </main>
    </div>
  );
}

function Choose({ model }: { model: ConfirmDeviceViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const nameOf = usePasskeyName();
  const { hasCode, otherDevices, passkeys, passkeyProblem, busy, problem } = useSnapshot(model);
  return (
    <>
      <StepTitle>{t("confirm.title")}</StepTitle>
      <p className="lead">{t("confirm.lead")}</p>
      <ul className="was">
        {otherDevices && (
          <li>
            <button type="button" className="wa" disabled={busy} onClick={() => void model.useOtherDevice()}>
              <span className="ci">
                <Icon name="mobile" size={24} />
              </span>
              <span className="grow">
                <b>{t("confirm.byDevice")}</b>
                <span className="muted">{t("confirm.byDeviceText")}</span>
              </span>
              <Icon name="right" />
            </button>
          </li>
        )}
        {passkeys.length > 0 && (
          <li>
            <button type="button" className="wa" disabled={busy} onClick={() => void model.usePasskey()}>
              <span className="ci">
                <Icon name="passkey" size={24} />
              </span>
              <span className="grow min0">
                <b>{t("confirm.byPasskey")}</b>
                <span className="muted anywhere">{passkeys.map(nameOf).join(", ")}</span>
              </span>
              <Icon name="right" />
            </button>
          </li>
        )}
        {hasCode && (
          <li>
            <button type="button" className="wa" disabled={busy} onClick={model.toCode}>
              <span className="ci">
                <Icon name="key" size={24} />
              </span>
              <span className="grow">
                <b>{t("confirm.byCode")}</b>
                <span className="muted">{t("confirm.byCodeText")}</span>
              </span>
              <Icon name="right" />
            </button>
          </li>
        )}
      </ul>
      <PasskeyProblem problem={passkeyProblem} />
      <Problem problem={problem} />
      <p className="sr" role="status">
        {busy && t("confirm.opening")}
      </p>
      <div className="row g3 mt6 wrap">
        <button type="button" className="btn quiet" onClick={app.confirmLater}>
          {t("later")}
        </button>
        <button type="button" className="link" onClick={model.toLost}>
          {t("confirm.neither")}
        </button>
      </div>
    </>
  );
}

function Code({ model }: { model: ConfirmDeviceViewModel }) {
  const { t } = useTranslation();
  const { typed, codeProblem, codeCreated, busy, problem } = useSnapshot(model);
  const error = useCodeProblem(codeProblem, codeCreated);
  return (
    <Form
      onSubmit={(event) => {
        event.preventDefault();
        void model.enterCode();
      }}
    >
      <StepTitle>{t("confirm.codeTitle")}</StepTitle>
      <p className="lead">{t("confirm.codeLead")}</p>
      <RecoveryCodeField typed={typed} onType={model.type} error={error} />
      <Problem problem={problem} />
      <div className="row g2 mt6 wrap">
        <button type="submit" className="btn main big" disabled={busy || !typed.trim()}>
          {busy ? t("confirm.opening") : t("confirm.open")}
        </button>
        <button type="button" className="btn quiet big" onClick={model.back}>
          {t("back")}
        </button>
      </div>
    </Form>
  );
}
