import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Verification } from "../matrix/verification";
import { drawQr, scanQr } from "../platform/qr";
import { Dialog } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { useApp, useTurn } from "./use";

export function VerificationDialog({ verification }: { verification: Verification }) {
  const { t } = useTranslation();
  const app = useApp();
  useTurn(verification.changed);
  const done = verification.phase === "done";
  const title =
    verification.comparison && !done
      ? t("verify.compare")
      : verification.self
        ? t("verify.device")
        : t("verify.person", { name: app.matrix?.people.of(null, verification.otherId).name });
  return (
    <Dialog
      title={title}
      hint={done ? undefined : verification.self ? t("verify.deviceHint") : t("verify.personHint")}
      onClose={app.closeDialog}
    >
      <VerificationBody verification={verification} onDone={app.closeDialog} />
    </Dialog>
  );
}

/** Each step of a verification, in plain words. */
export function VerificationBody({ verification, onDone }: { verification: Verification; onDone?: () => void }) {
  const { t } = useTranslation();
  useTurn(verification.changed);
  const { phase, comparison, scanned } = verification;
  if (phase === "done")
    return <Ended icon="check" text={verification.self ? t("verify.doneDevice") : t("verify.donePerson")} onClose={onDone} />;
  if (phase === "cancelled") return <Ended icon="warn" text={t("verify.cancelled")} onClose={onDone} />;
  if (scanned)
    return (
      <div className="center">
        <p className="lead">{t("verify.scanned")}</p>
        <div className="row g3 centred-row">
          <button type="button" className="btn big" onClick={() => void verification.cancel()}>
            {t("no")}
          </button>
          <button type="button" className="btn main big" onClick={scanned}>
            {t("verify.scannedYes")}
          </button>
        </div>
      </div>
    );
  if (comparison) return <Emoji verification={verification} />;
  if (phase === "ready") return <Ready verification={verification} />;
  if (phase === "requested" && !verification.mine)
    return (
      <div className="row g3 centred-row">
        <button type="button" className="btn big" onClick={() => void verification.cancel().then(onDone)}>
          {t("verify.notMe")}
        </button>
        <button type="button" className="btn main big" onClick={() => void verification.accept()}>
          {t("verify.accept")}
        </button>
      </div>
    );
  return (
    <p className="lead center" role="status">
      {phase === "started" ? t("verify.preparing") : t("verify.waiting")}
    </p>
  );
}

function Ended({ icon, text, onClose }: { icon: "check" | "warn"; text: string; onClose?: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="empty">
      <span className="ci">
        <Icon name={icon} size={24} />
      </span>
      <p role="status" className="strong">
        {text}
      </p>
      {onClose && (
        <button type="button" className="btn main" onClick={onClose}>
          {t("close")}
        </button>
      )}
    </div>
  );
}

function Ready({ verification }: { verification: Verification }) {
  const { t } = useTranslation();
  const [scanning, setScanning] = useState(false);
  const canvas = useRef<HTMLCanvasElement>(null);
  const code = verification.qr;
  useEffect(() => {
    if (code && canvas.current) void drawQr(canvas.current, code);
  }, [code, scanning]);
  if (scanning) return <Scanner verification={verification} stop={() => setScanning(false)} />;
  return (
    <div className="center">
      {code && (
        <>
          <p className="lead">{t("verify.showQr")}</p>
          <canvas ref={canvas} role="img" aria-label={t("verify.qr")} className="qr" />
        </>
      )}
      <div className="row g3 centred-row wrap mt4">
        <button type="button" className="btn big" onClick={() => setScanning(true)}>
          <Icon name="qr" />
          {t("verify.scan")}
        </button>
        <button type="button" className="btn main big" onClick={() => void verification.compareEmoji()}>
          {t("verify.byEmoji")}
        </button>
      </div>
    </div>
  );
}

function Scanner({ verification, stop }: { verification: Verification; stop: () => void }) {
  const { t } = useTranslation();
  const video = useRef<HTMLVideoElement>(null);
  const [refused, setRefused] = useState(false);
  const back = useRef(stop);
  back.current = stop;
  // one camera for as long as this is shown: what happens meanwhile must not start it again
  useEffect(
    () =>
      scanQr(
        video.current!,
        (code) => void verification.scan(code).catch(() => back.current()),
        () => setRefused(true),
      ),
    [verification],
  );
  return (
    <div className="center">
      <p className="lead" role="status">
        {refused ? t("verify.noCamera") : t("verify.pointCamera")}
      </p>
      <video ref={video} className="camera" muted playsInline aria-label={t("verify.camera")} />
      <p className="mt4">
        <button type="button" className="btn" onClick={stop}>
          {t("back")}
        </button>
      </p>
    </div>
  );
}

function Emoji({ verification }: { verification: Verification }) {
  const { t } = useTranslation();
  const [said, setSaid] = useState(false);
  const { emoji, confirm, mismatch } = verification.comparison!;
  const first = useRef<HTMLParagraphElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <>
      <p ref={first} tabIndex={-1} className="muted center mb4">
        {t("verify.same")}
      </p>
      <ol className="emo" aria-label={t("verify.pictures")}>
        {emoji.map(([picture, name], index) => (
          <li key={index}>
            <span aria-hidden="true">{picture}</span>
            {t(`sas.${name}`, { defaultValue: name })}
          </li>
        ))}
      </ol>
      {said ? (
        <p className="center lead" role="status">
          {t("verify.waitingOther")}
        </p>
      ) : (
        <div className="row g3 centred-row wrap">
          <button type="button" className="btn big" onClick={() => mismatch()}>
            {t("verify.different")}
          </button>
          <button
            type="button"
            className="btn main big"
            onClick={() => {
              setSaid(true);
              void confirm();
            }}
          >
            <Icon name="check" />
            {t("verify.match")}
          </button>
        </div>
      )}
    </>
  );
}
