import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { FirstRunViewModel } from "../../viewmodels/first_run";
import { Form } from "../ui/form";
import { Icon } from "../ui/icon";
import { Field, Problem, StepTitle } from "../ui/parts";
import { useSnapshot } from "../use";
import { PasskeyProblem, usePasskeyName } from "./passkey_parts";

/** A passkey or a code: what will open the messages on another device. */
export function MeansStep({ model }: { model: FirstRunViewModel }) {
  const { t } = useTranslation();
  const { chosen, passkeyProblem, busy, problem } = useSnapshot(model);
  const byPasskey = chosen === "passkey";
  return (
    <div className="two">
      <Form
        aria-labelledby="step"
        onSubmit={(event) => {
          event.preventDefault();
          void (byPasskey ? model.makePasskey() : model.toCode());
        }}
      >
        <StepTitle>{t("means.title")}</StepTitle>
        <p className="lead">{t("means.lead")}</p>
        <div className="means" role="radiogroup" aria-labelledby="step">
          <label className="choice">
            <span className="ci">
              <Icon name="passkey" size={22} />
            </span>
            <span>
              <b>
                {t("means.passkey")} <span className="tag accent">{t("means.advised")}</span>
              </b>
              <small>{t("means.passkeyText")}</small>
            </span>
            <input type="radio" name="means" checked={byPasskey} onChange={() => model.choose("passkey")} />
          </label>
          <label className="choice">
            <span className="ci">
              <Icon name="key" size={22} />
            </span>
            <span>
              <b>{t("means.code")}</b>
              <small>{t("means.codeText")}</small>
            </span>
            <input type="radio" name="means" checked={!byPasskey} onChange={() => model.choose("code")} />
          </label>
        </div>
        <p className="note mt3">
          <Icon name="info" size={18} />
          <span>{t("means.both")}</span>
        </p>
        <PasskeyProblem problem={passkeyProblem} />
        <Problem problem={problem} />
        <p className="sr" role="status">
          {busy && t("means.making")}
        </p>
        <div className="row g2 mt6 wrap">
          <button type="submit" className="btn main big" disabled={busy}>
            {t(busy ? "means.making" : byPasskey ? "means.make" : "means.toCode")}
          </button>
          <button type="button" className="btn quiet big" disabled={busy} onClick={() => void model.later()}>
            {t("recovery.later")}
          </button>
        </div>
      </Form>
      <How />
    </div>
  );
}

const STEPS = [
  ["means.asks", "means.asksText"],
  ["means.local", "means.localText"],
  ["means.anew", "means.anewText"],
] as const;

function How() {
  const { t } = useTranslation();
  return (
    <aside aria-label={t("recovery.advice")}>
      <h2>{t("means.how")}</h2>
      <ul>
        {STEPS.map(([what, how]) => (
          <li key={what}>
            <span className="okc">
              <Icon name="check" size={16} />
            </span>
            <div>
              <b>{t(what)}</b>
              {t(how)}
            </div>
          </li>
        ))}
      </ul>
    </aside>
  );
}

/** There is a passkey now, and it opens the messages: how it is called, and the code beside it. */
export function PasskeyStep({ model }: { model: FirstRunViewModel }) {
  const { t } = useTranslation();
  const nameOf = usePasskeyName();
  const { made, busy, problem } = useSnapshot(model);
  const [name, setName] = useState(made ? nameOf(made) : "");
  return (
    <Form
      className="narrow"
      aria-labelledby="step"
      onSubmit={(event) => {
        event.preventDefault();
        void model.namePasskey(name, "done");
      }}
    >
      <StepTitle>{t("means.activeTitle")}</StepTitle>
      <p className="lead">{t("means.activeLead")}</p>
      <Field label={t("passkeys.name")} value={name} onText={setName} maxLength={60} hint={t("passkeys.nameHint")} />
      <p className="note mt3">
        <Icon name="info" size={18} />
        <span>{t("means.both")}</span>
      </p>
      <Problem problem={problem} />
      <div className="row g2 mt6 wrap">
        <button type="submit" className="btn main big" disabled={busy}>
          {t("recovery.finish")}
        </button>
        <button type="button" className="btn big" disabled={busy} onClick={() => void model.namePasskey(name, "code")}>
          {t("means.addCode")}
        </button>
      </div>
    </Form>
  );
}

/** The code was replaced: what the passkeys opened is no more, and each is asked to open the new one. */
export function RenewStep({ model }: { model: FirstRunViewModel }) {
  const { t } = useTranslation();
  const nameOf = usePasskeyName();
  const { outdated, passkeyProblem, busy, problem } = useSnapshot(model);
  return (
    <div className="narrow">
      <StepTitle>{t("means.renewTitle")}</StepTitle>
      <p className="lead">{t("means.renewLead")}</p>
      {outdated.length > 0 && (
        <ul className="devl">
          {outdated.map((each) => (
            <li key={each.id} className="dev">
              <span className="ficon">
                <Icon name="passkey" />
              </span>
              <b className="grow min0 cut">{nameOf(each)}</b>
              <button type="button" className="btn small" disabled={busy} onClick={() => void model.renew(each.id)}>
                {t("passkeys.renew")}
                <span className="sr"> {nameOf(each)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <p role="status">{outdated.length === 0 && t("means.renewed")}</p>
      <PasskeyProblem problem={passkeyProblem} />
      <Problem problem={problem} />
      <div className="row g2 mt6 wrap">
        <button type="button" className="btn main big" disabled={busy} onClick={model.finishRenewing}>
          {t("recovery.finish")}
        </button>
      </div>
    </div>
  );
}
