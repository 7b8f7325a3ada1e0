import { useState } from "react";
import { useTranslation } from "react-i18next";
import { keepText } from "../platform/files";
import type { FirstRunViewModel } from "../viewmodels/first_run";
import { useArrival } from "./hands/arrive";
import { MeansStep, PasskeyStep, RenewStep } from "./recovery/first_steps";
import { RecoveryCodeField } from "./recovery_code_field";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { NameField, PictureButton, Problem, StepTitle } from "./ui/parts";
import { CONTENT, SkipLink } from "./ui/skip";
import { useApp, useSnapshot } from "./use";
import "../styles/recovery.css";
import { Form } from "./ui/form";

export function FirstRun({ model }: { model: FirstRunViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const { configuration } = useSnapshot(app);
  const { step, consent } = useSnapshot(model);
  const number = step === "picture" ? 1 : step === "means" || step === "code" ? 2 : 3;
  const place = useArrival<HTMLElement>(consent ? "consent" : step);
  return (
    <div className="centred">
      <SkipLink />
      <main className="first" id={CONTENT} tabIndex={-1} ref={place}>
        <header className="row spread">
          <div className="row g2 strong">
            <Icon name="logo" size={28} />
            {configuration?.brand.name}
          </div>
          <span className="t13 muted" role="status">
            {t("firstRun.step", { number })}
          </span>
        </header>
        <div
          className="steps"
          role="progressbar"
          aria-label={t("firstRun.progress")}
          aria-valuemin={1}
          aria-valuemax={3}
          aria-valuenow={number}
        >
          {[1, 2, 3].map((each) => (
            <span key={each} className={each <= number ? "on" : ""} />
          ))}
        </div>
        {consent && <ConsentStep model={model} consent={consent} />}
        {!consent && step === "picture" && <PictureStep model={model} />}
        {!consent && step === "means" && <MeansStep model={model} />}
        {!consent && step === "passkey" && <PasskeyStep model={model} />}
        {!consent && step === "renew" && <RenewStep model={model} />}
        {!consent && step === "code" && <CodeStep model={model} />}
        {!consent && step === "check" && <CheckStep model={model} />}
      </main>
    </div>
  );
}

function PictureStep({ model }: { model: FirstRunViewModel }) {
  const { t } = useTranslation();
  const { me, nameIsFixed, busy, problem } = useSnapshot(model);
  const [name, setName] = useState(me.name);
  const go = async (): Promise<void> => {
    if (name.trim() && name.trim() !== me.name && !(await model.setName(name))) return;
    await model.toMeans();
  };
  return (
    <Form
      aria-labelledby="step"
      onSubmit={(event) => {
        event.preventDefault();
        void go();
      }}
    >
      <StepTitle>{t("firstRun.who")}</StepTitle>
      <p className="lead">{t("firstRun.whoLead")}</p>
      <div className="row g4 wrap">
        <Avatar id={me.id} name={name || me.name} picture={me.avatar} size={88} />
        <div className="row g2 wrap">
          <PictureButton label={t("firstRun.choosePicture")} disabled={busy} onPick={(each) => void model.setPicture(each)} />
        </div>
      </div>
      <div className="mt6 narrow">
        <NameField next name={name} isFixed={nameIsFixed} hint={t("firstRun.nameHint")} onText={setName} />
      </div>
      <Problem problem={problem} />
      <div className="row g2 mt6">
        <button type="submit" className="btn main big" disabled={busy}>
          {t("continue")}
        </button>
      </div>
    </Form>
  );
}

function CodeStep({ model }: { model: FirstRunViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const { configuration } = useSnapshot(app);
  const { code, kept, busy, problem } = useSnapshot(model);
  const [copied, setCopied] = useState(false);
  const brand = configuration?.brand.name ?? "Chappe";
  const text = `${t("recovery.fileTitle", { brand })}\n\n${code}\n\n${t("recovery.fileText")}\n`;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(code ?? "");
    setCopied(true);
  };
  return (
    <div className="two">
      <div>
        <StepTitle>{t("recovery.title")}</StepTitle>
        <p className="lead">{t("recovery.lead")}</p>
        {code ? (
          <div className="code" role="group" aria-label={t("recovery.label")} data-testid="code">
            {code.split(" ").map((each, index) => (
              <span key={index}>{each}</span>
            ))}
          </div>
        ) : (
          <p className="code" role="status">
            {t("recovery.making")}
          </p>
        )}
        <div className="row g2 mt4 wrap noprint">
          <button type="button" className="btn" onClick={() => keepText(text, `${t("recovery.fileName")}.txt`)}>
            <Icon name="download" size={18} />
            {t("recovery.download")}
          </button>
          <button type="button" className="btn" onClick={() => print()}>
            <Icon name="print" size={18} />
            {t("recovery.print")}
          </button>
          <button type="button" className="btn" onClick={() => void copy()}>
            <Icon name={copied ? "check" : "copy"} size={18} />
            {copied ? t("recovery.copied") : t("recovery.copy")}
          </button>
        </div>
        <p className="sr" role="status">
          {copied && t("recovery.copied")}
        </p>
        <label className="ack">
          <input type="checkbox" className="box" checked={kept} onChange={(event) => model.setKept(event.target.checked)} />
          {t("recovery.kept")}
        </label>
        <Problem problem={problem} />
        <div className="row g2 mt4 wrap noprint">
          <button type="button" className="btn main big" disabled={!kept || busy || !code} onClick={model.toCheck}>
            {t("continue")}
          </button>
          <button type="button" className="btn quiet big" disabled={busy} onClick={() => void model.later()}>
            {t("recovery.later")}
          </button>
        </div>
      </div>
      <Advice />
    </div>
  );
}

function Advice() {
  const { t } = useTranslation();
  return (
    <aside aria-label={t("recovery.advice")} className="noprint">
      <h2>{t("recovery.where")}</h2>
      <ul>
        <li>
          <span className="okc">
            <Icon name="check" size={16} />
          </span>
          <div>
            <b>{t("recovery.manager")}</b>
            {t("recovery.managerText")}
          </div>
        </li>
        <li>
          <span className="okc">
            <Icon name="check" size={16} />
          </span>
          <div>
            <b>{t("recovery.paper")}</b>
            {t("recovery.paperText")}
          </div>
        </li>
        <li>
          <span className="noc">
            <Icon name="x" size={16} />
          </span>
          <div>
            <b>{t("recovery.mail")}</b>
            {t("recovery.mailText")}
          </div>
        </li>
      </ul>
      <div className="note">
        <Icon name="info" size={18} />
        <span>{t("recovery.oneAtATime")}</span>
      </div>
    </aside>
  );
}

/** Nobody's keys are replaced, or made long after the sign-in, without a look at their own account page. */
function ConsentStep({ model, consent }: { model: FirstRunViewModel; consent: { url: string; again: boolean } }) {
  const { t } = useTranslation();
  const { busy, problem } = useSnapshot(model);
  return (
    <div className="narrow">
      <StepTitle>{t("consent.title")}</StepTitle>
      <p className="lead">{t("consent.lead")}</p>
      <Problem problem={problem} />
      {consent.again && (
        <p className="note warn" role="alert">
          <Icon name="warn" size={18} />
          <span>{t("consent.notYet")}</span>
        </p>
      )}
      <div className="row g2 mt6 wrap">
        <a className="btn main big" href={consent.url} target="_blank" rel="noreferrer">
          {t("consent.open")}
        </a>
        <button type="button" className="btn big" disabled={busy} onClick={() => void model.goOn()}>
          {busy ? t("recovery.storing") : t("consent.done")}
        </button>
      </div>
    </div>
  );
}

function CheckStep({ model }: { model: FirstRunViewModel }) {
  const { t } = useTranslation();
  const { typed, mismatch, busy, problem } = useSnapshot(model);
  return (
    <Form
      className="narrow"
      aria-labelledby="step"
      onSubmit={(event) => {
        event.preventDefault();
        void model.finish();
      }}
    >
      <StepTitle>{t("recovery.checkTitle")}</StepTitle>
      <p className="lead">{t("recovery.checkLead")}</p>
      <RecoveryCodeField typed={typed} onType={model.type} error={mismatch ? t("recovery.mismatch") : null} />
      <Problem problem={problem} />
      <div className="row g2 mt6 wrap">
        <button type="submit" className="btn main big" disabled={busy}>
          {busy ? t("recovery.storing") : t("recovery.finish")}
        </button>
        <button type="button" className="btn quiet big" onClick={model.back}>
          {t("recovery.seeAgain")}
        </button>
      </div>
    </Form>
  );
}
