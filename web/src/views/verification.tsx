import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { drawQr, scanQr } from "../platform/qr";
import type { VerificationViewModel } from "../viewmodels/verification";
import { Dialog } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { useMain, useSnapshot } from "./use";

export function VerificationDialog({ model }: { model: VerificationViewModel }) {
  const { t } = useTranslation();
  const main = useMain();
  const { phase, self, emoji } = useSnapshot(model);
  const done = phase === "done";
  const title = emoji && !done ? t("verify.compare") : self ? t("verify.device") : t("verify.person", { name: model.name });
  return (
    <Dialog
      title={title}
      hint={done ? undefined : self ? t("verify.deviceHint") : t("verify.personHint")}
      onClose={main.closeDialog}
    >
      <VerificationBody model={model} onDone={main.closeDialog} />
    </Dialog>
  );
}

/** Each step of a verification, in plain words. */
export function VerificationBody({ model, onDone }: { model: VerificationViewModel; onDone?: () => void }) {
  const { t } = useTranslation();
  const { phase, mine, self, emoji, isScanned } = useSnapshot(model);
  if (phase === "done")
    return <Ended icon="check" text={self ? t("verify.doneDevice") : t("verify.donePerson")} onClose={onDone} />;
  if (phase === "cancelled") return <Ended icon="warn" text={t("verify.cancelled")} onClose={onDone} />;
  if (isScanned)
    return (
      <div className="center">
        <p className="lead">{t("verify.scanned")}</p>
        <div className="row g3 centred-row">
          <button type="button" className="btn big" onClick={() => void model.cancel()}>
            {t("no")}
          </button>
          <button type="button" className="btn main big" onClick={model.confirmScanned}>
            {t("verify.scannedYes")}
          </button>
        </div>
      </div>
    );
  if (emoji) return <Emoji model={model} emoji={emoji} />;
  if (phase === "ready") return <Ready model={model} />;
  if (phase === "requested" && !mine)
    return (
      <div className="row g3 centred-row">
        <button type="button" className="btn big" onClick={() => void model.cancel().then(onDone)}>
          {t("verify.notMe")}
        </button>
        <button type="button" className="btn main big" onClick={() => void model.accept()}>
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

function Ready({ model }: { model: VerificationViewModel }) {
  const { t } = useTranslation();
  const [scanning, setScanning] = useState(false);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { qr: code } = useSnapshot(model);
  useEffect(() => {
    if (code && canvas.current) void drawQr(canvas.current, code);
  }, [code, scanning]);
  if (scanning) return <Scanner model={model} stop={() => setScanning(false)} />;
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
        <button type="button" className="btn main big" onClick={() => void model.compareEmoji()}>
          {t("verify.byEmoji")}
        </button>
      </div>
    </div>
  );
}

function Scanner({ model, stop }: { model: VerificationViewModel; stop: () => void }) {
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
        (code) => void model.scan(code).catch(() => back.current()),
        () => setRefused(true),
      ),
    [model],
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

function Emoji({ model, emoji }: { model: VerificationViewModel; emoji: Array<[string, string]> }) {
  const { t } = useTranslation();
  const [said, setSaid] = useState(false);
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
          <button type="button" className="btn big" onClick={model.mismatch}>
            {t("verify.different")}
          </button>
          <button
            type="button"
            className="btn main big"
            onClick={() => {
              setSaid(true);
              void model.match();
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
