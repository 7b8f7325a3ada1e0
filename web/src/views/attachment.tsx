import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment, Item } from "../matrix/types";
import { keep } from "../platform/files";
import { iconOf } from "./file_icon";
import { size } from "./format";
import { ImageDialog } from "./image_dialog";
import { Icon } from "./ui/icon";
import { keyOf, useApp, useLater } from "./use";
import { verdictOf } from "./verdict";
import { Voice } from "./voice";

/** Where there is an antivirus nothing of a file is shown before it has said that the file is clean. */
export function Scanned({ item }: { item: Item }) {
  const { t } = useTranslation();
  const app = useApp();
  const { file } = item.content as Extract<Item["content"], { file: Attachment }>;
  const sent = item.state === "sent";
  const verdict = useLater(async () => ({ why: sent ? await app.media.verdict(file) : null }), `scan ${keyOf(file)} ${sent}`);
  if (verdict?.why === null) return <Attached item={item} />;
  return (
    <div className="card" role="status">
      <span className="ficon">
        <Icon name={verdict?.why ? "shieldbad" : "shieldok"} size={22} />
      </span>
      <div className="grow min0">
        <p className="strong cut">{file.name}</p>
        <p className={verdict?.why || verdict === null ? "scan bad" : "scan"}>
          {verdict === undefined ? t("scan.going") : verdict === null ? t("scan.failed") : t("scan.stopped")}
        </p>
        {verdict?.why && <p className="t12 muted">{verdictOf(verdict.why, t)}</p>}
      </div>
    </div>
  );
}

function Attached({ item }: { item: Item }) {
  const content = item.content as Extract<Item["content"], { file: Attachment }>;
  switch (content.type) {
    case "audio":
      return <Sound file={content.file} />;
    case "voice":
      return <Voice file={content.file} />;
    default:
      return (
        <>
          {content.type === "image" ? (
            <Image file={content.file} sender={item.sender.name} />
          ) : content.type === "video" ? (
            <Video file={content.file} />
          ) : (
            <FileCard file={content.file} />
          )}
        </>
      );
  }
}

function Image({ file, sender }: { file: Attachment; sender: string }) {
  const { t } = useTranslation();
  const app = useApp();
  const [open, setOpen] = useState(false);
  const key = keyOf(file);
  const url = useLater(() => app.media.small(file), key);
  const { width, height } = fitted(file.width ?? 320, file.height ?? 200, 400, 300);
  const label = file.caption ?? t("file.imageFrom", { name: sender, file: file.name });
  if (url === null) return <FileCard file={file} broken />;
  return (
    <>
      <button
        type="button"
        className="pic"
        style={{ width, aspectRatio: `${width} / ${height}` }}
        onClick={() => setOpen(true)}
      >
        <span className="sr">{t("file.open")} </span>
        {url ? (
          <img src={url} alt={label} width={width} height={height} />
        ) : (
          <span className="shimmer" role="img" aria-label={label} />
        )}
      </button>
      {open && <ImageDialog file={file} label={label} onClose={() => setOpen(false)} />}
    </>
  );
}

export function fitted(width: number, height: number, most: number, tallest: number): { width: number; height: number } {
  const scale = Math.min(1, most / width, tallest / height);
  return { width: Math.max(48, Math.round(width * scale)), height: Math.max(48, Math.round(height * scale)) };
}

function Video({ file }: { file: Attachment }) {
  const { t } = useTranslation();
  const app = useApp();
  const [wanted, setWanted] = useState(false);
  const key = keyOf(file);
  const poster = useLater(() => app.media.poster(file), `poster ${key}`);
  const url = useLater(() => (wanted ? app.media.url(file) : Promise.resolve("")), `${key} ${wanted}`);
  const { width, height } = fitted(file.width ?? 400, file.height ?? 225, 400, 300);
  if (wanted && url === null) return <FileCard file={file} broken />;
  if (url)
    return (
      <video className="pic" src={url} controls autoPlay width={width} height={height} aria-label={file.name}>
        <track kind="captions" />
      </video>
    );
  return (
    <button
      type="button"
      className="pic video"
      style={{ width, height }}
      onClick={() => setWanted(true)}
      aria-label={t("file.play", { name: file.name })}
    >
      {poster && <img src={poster} alt="" width={width} height={height} />}
      <span className="playmark">
        <Icon name="play" size={28} />
      </span>
    </button>
  );
}

function Sound({ file }: { file: Attachment }) {
  const app = useApp();
  const url = useLater(() => app.media.url(file), keyOf(file));
  if (!url) return <FileCard file={file} broken={url === null} />;
  return (
    <div>
      <FileCard file={file} />
      <audio src={url} controls aria-label={file.name} className="mt1">
        <track kind="captions" />
      </audio>
    </div>
  );
}

export function FileCard({ file, broken = false }: { file: Attachment; broken?: boolean }) {
  const { t } = useTranslation();
  const app = useApp();
  const [state, setState] = useState<"idle" | "busy" | "failed">(broken ? "failed" : "idle");
  const save = async (): Promise<void> => {
    setState("busy");
    try {
      keep(await app.media.url(file), file.name);
      setState("idle");
    } catch {
      setState("failed");
    }
  };
  return (
    <div className="card">
      <span className="ficon">
        <Icon name={iconOf(file.mime, file.name)} size={22} />
      </span>
      <div className="grow min0">
        <p className="strong cut">{file.name}</p>
        <p className="row g2 t12 muted">
          <span className="num">{size(file.size)}</span>
          {state === "failed" && (
            <span className="scan bad" role="alert">
              <Icon name="warn" size={14} />
              {t("file.failed")}
            </span>
          )}
        </p>
      </div>
      <button
        type="button"
        className="ib s"
        aria-label={t("file.download", { name: file.name })}
        disabled={state === "busy"}
        onClick={() => void save()}
      >
        <Icon name={state === "busy" ? "spin" : "download"} />
      </button>
    </div>
  );
}
