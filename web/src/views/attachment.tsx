import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment, Item } from "../matrix/types";
import { keep } from "../platform/files";
import { kindOf } from "../viewmodels/preview";
import { iconOf } from "./file_icon";
import { length, size } from "./format";
import { Icon } from "./ui/icon";
import { keyOf, useApp, useLater } from "./use";
import { verdictOf } from "./verdict";
import { Voice } from "./voice";

interface Props {
  item: Item;
  /** Looks at the file, as large as the screen. */
  onOpen: () => void;
}

/** Where there is an antivirus nothing of a file is shown before it has said that the file is clean. */
export function Scanned({ item, onOpen }: Props) {
  const { t } = useTranslation();
  const app = useApp();
  const { file } = item.content as Extract<Item["content"], { file: Attachment }>;
  const scanned = app.media.isScanned && item.state === "sent";
  const verdict = useLater(
    async () => ({ why: scanned ? await app.media.verdict(file) : null }),
    `scan ${keyOf(file)} ${scanned}`,
  );
  if (!scanned || verdict?.why === null) return <Attached item={item} onOpen={onOpen} />;
  return (
    <div className="card" role={item.mine ? "status" : undefined}>
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

function Attached({ item, onOpen }: Props) {
  const content = item.content as Extract<Item["content"], { file: Attachment }>;
  switch (content.type) {
    case "audio":
      return <Sound file={content.file} />;
    case "voice":
      return <Voice file={content.file} />;
    case "image":
      return <Image file={content.file} sender={item.sender.name} onOpen={onOpen} />;
    case "video":
      return <Video file={content.file} onOpen={onOpen} />;
    default:
      return <FileCard file={content.file} onOpen={item.state === "sent" ? onOpen : undefined} />;
  }
}

interface ShownProps {
  file: Attachment;
  onOpen: () => void;
}

function Image({ file, sender, onOpen }: ShownProps & { sender: string }) {
  const { t } = useTranslation();
  const app = useApp();
  const key = keyOf(file);
  const url = useLater(() => app.media.small(file), key);
  const { width, height } = fitted(file.width ?? 320, file.height ?? 200, 400, 300);
  const label = file.caption ?? t("file.imageFrom", { name: sender, file: file.name });
  if (url === null) return <FileCard file={file} broken />;
  return (
    <button type="button" className="pic" style={{ width, aspectRatio: `${width} / ${height}` }} onClick={onOpen}>
      <span className="sr">{t("file.open")} </span>
      {url ? (
        <img src={url} alt={label} width={width} height={height} />
      ) : (
        <span className="shimmer" role="img" aria-label={label} />
      )}
      {file.mime === "image/gif" && <span className="filmlength">GIF</span>}
    </button>
  );
}

export function fitted(width: number, height: number, most: number, tallest: number): { width: number; height: number } {
  const scale = Math.min(1, most / width, tallest / height);
  return { width: Math.max(48, Math.round(width * scale)), height: Math.max(48, Math.round(height * scale)) };
}

function Video({ file, onOpen }: ShownProps) {
  const { t } = useTranslation();
  const app = useApp();
  const poster = useLater(() => app.media.poster(file), `poster ${keyOf(file)}`);
  const { width, height } = fitted(file.width ?? 400, file.height ?? 225, 400, 300);
  return (
    <button
      type="button"
      className="pic video"
      style={{ width, aspectRatio: `${width} / ${height}` }}
      onClick={onOpen}
      aria-label={t("file.play", { name: file.name })}
    >
      {poster && <img src={poster} alt="" width={width} height={height} />}
      <span className="playmark">
        <Icon name="play" size={28} />
      </span>
      {file.duration !== null && <span className="filmlength num">{length(file.duration)}</span>}
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

interface CardProps {
  file: Attachment;
  broken?: boolean;
  onOpen?: () => void;
}

/** A file by its name. What can be looked at in its place opens when its card is pressed. */
export function FileCard({ file, broken = false, onOpen }: CardProps) {
  const { t } = useTranslation();
  const app = useApp();
  const [state, setState] = useState<"idle" | "busy" | "failed">(broken ? "failed" : "idle");
  const opens = onOpen !== undefined && kindOf(file) !== null;
  const save = async (): Promise<void> => {
    setState("busy");
    try {
      keep(await app.media.url(file), file.name);
      setState("idle");
    } catch {
      setState("failed");
    }
  };
  const told = (
    <>
      <span className="ficon">
        <Icon name={iconOf(file.mime, file.name)} size={22} />
      </span>
      <span className="grow min0 block">
        <span className="strong cut block">{file.name}</span>
        <span className="row g2 t12 muted">
          <span className="num">{size(file.size)}</span>
          {state === "failed" && (
            <span className="scan bad" role="alert">
              <Icon name="warn" size={14} />
              {t("file.failed")}
            </span>
          )}
        </span>
      </span>
    </>
  );
  return (
    <div className="card">
      {opens ? (
        <button type="button" className="cardopen" onClick={onOpen}>
          <span className="sr">{t("file.look")} </span>
          {told}
        </button>
      ) : (
        told
      )}
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
