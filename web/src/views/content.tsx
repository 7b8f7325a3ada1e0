import type { TFunction } from "i18next";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment, Item, LockedReason, RoomDetails } from "../matrix/types";
import { keep } from "../platform/files";
import { escaped, harmless, pieces } from "../platform/html";
import type { RoomViewModel } from "../viewmodels/room";
import { length, size } from "./format";
import type { IconName } from "./icons";
import { ImageDialog } from "./image_dialog";
import { Icon } from "./ui/icon";
import { keyOf, useApp, useLater, useMain, useSnapshot } from "./use";
import { verdictOf } from "./verdict";

interface Props {
  item: Item;
  room: RoomViewModel;
  details: RoomDetails;
  /** Locked like the message before it. */
  again?: boolean;
}

export function Contents({ item, room, details, again = false }: Props) {
  const { t } = useTranslation();
  const { content } = item;
  if ("file" in content) return <Scanned item={item} />;
  switch (content.type) {
    case "text":
      return <Text item={item} room={room} details={details} />;
    case "poll":
      return <Poll item={item} room={room} />;
    case "locked":
      if (again) return <p className="txt faint">{t("line.locked")}</p>;
      return <Locked reason={content.reason} sender={item.sender.name} />;
    case "deleted":
      return (
        <p className="txt faint italic">
          {content.by && content.by !== item.sender.name ? t("message.deletedBy", { name: content.by }) : t("message.deleted")}
          {content.reason ? ` (${content.reason})` : ""}
        </p>
      );
    case "unsupported":
      return <p className="txt">{content.body}</p>;
    default:
      return null;
  }
}

/** Where there is an antivirus nothing of a file is shown before it has said that the file is clean. */
function Scanned({ item }: { item: Item }) {
  const { t } = useTranslation();
  const app = useApp();
  const { file } = item.content as Extract<Item["content"], { file: Attachment }>;
  const sent = item.state === "sent";
  const verdict = useLater(async () => ({ why: sent ? await app.media.verdict(file) : null }), `scan ${keyOf(file)} ${sent}`);
  if (verdict?.why === null) return <Attached item={item} />;
  return (
    <>
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
      <Caption file={file} />
    </>
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
          <Caption file={content.file} />
        </>
      );
  }
}

/** What an item says, in plain words: for announcements, copies and quotations. */
export function textFor(item: Item, t: TFunction): string {
  const { content } = item;
  if (content.type === "text" || content.type === "unsupported") return content.body;
  if (content.type === "poll") return content.question;
  if ("file" in content)
    return content.file.caption ?? (content.type === "file" ? content.file.name : t(`line.${content.type}`));
  if (content.type === "locked") return t("line.locked");
  return content.type === "event" ? t(content.key, content.values) : t("line.deleted");
}

function Text({ item, room, details }: { item: Item; room: RoomViewModel; details: RoomDetails }) {
  const app = useApp();
  const main = useMain();
  const { linkPreviews } = useSnapshot(app.preferences);
  const content = item.content as Extract<Item["content"], { type: "text" }>;
  const me = app.userId;
  const said = content.emote && content.html ? `<em>${escaped(item.sender.name)}</em> ${content.html}` : content.html;
  const html = useMemo(() => (said ? harmless(said, me, (id) => room.nameOf(id)) : null), [said, me, room]);
  const big = /^\p{Extended_Pictographic}(?:\p{Extended_Pictographic}|\u200d|\ufe0f|\s){0,8}$/u.test(content.body);
  const className = `txt${big ? " bigmoji" : ""}${content.notice ? " muted" : ""}`;
  const open = (event: React.MouseEvent | React.KeyboardEvent): void => {
    const person = (event.target as HTMLElement).closest<HTMLElement>("[data-person]")?.dataset.person;
    if (person) main.openPanel({ name: "person", id: person });
  };
  return (
    <>
      {html !== null ? (
        // biome-ignore lint/a11y/useKeyWithClickEvents: a name in a text may be clicked; the same card opens from the sender and the list of members
        <div
          className={`${className} rich`}
          onClick={open}
          // made harmless above
          dangerouslySetInnerHTML={{ __html: html }}
        />
      ) : (
        <p className={className}>
          {content.emote && <em>{item.sender.name} </em>}
          {pieces(content.body).map((each, index) =>
            each.link ? (
              <a key={index} href={each.text} target="_blank" rel="noreferrer">
                {each.text}
              </a>
            ) : (
              each.text
            ),
          )}
        </p>
      )}
      {item.link && linkPreviews && !details.encrypted && <Preview link={item.link} ts={item.ts} />}
    </>
  );
}

/** The server opens the link, so it would learn of it: never in encrypted rooms. */
function Preview({ link, ts }: { link: string; ts: number }) {
  const app = useApp();
  const found = useLater(() => app.media.preview(link, ts), link);
  if (!found) return null;
  return (
    <a className="card preview" href={link} target="_blank" rel="noreferrer">
      {found.image && <Thumb mxc={found.image} />}
      <span className="grow min0">
        <b className="cut">{found.title}</b>
        <span className="t13 muted clamp">{found.text}</span>
      </span>
    </a>
  );
}

function Thumb({ mxc }: { mxc: string }) {
  const app = useApp();
  const url = useLater(() => app.media.picture(mxc, 96), mxc);
  return url ? <img src={url} alt="" width="56" height="56" className="thumb" /> : null;
}

const Caption = ({ file }: { file: Attachment }) => (file.caption ? <p className="txt">{file.caption}</p> : null);

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

function Voice({ file }: { file: Attachment }) {
  const { t } = useTranslation();
  const app = useApp();
  const audio = useRef<HTMLAudioElement>(null);
  const [url, setUrl] = useState<string | null>(null);
  const [playing, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const [speed, setSpeed] = useState(1);
  const duration = file.duration ?? 0;
  const wave = useMemo(() => bars(file.waveform ?? [], 48), [file.waveform]);
  useEffect(() => {
    if (audio.current) audio.current.playbackRate = speed;
  }, [speed, url]);
  const toggle = async (): Promise<void> => {
    if (!url) {
      setUrl(await app.media.url(file));
      setPlaying(true);
    } else if (playing) audio.current?.pause();
    else void audio.current?.play();
  };
  return (
    <div className="card voice">
      <button
        type="button"
        className="send round"
        aria-label={playing ? t("voice.pause") : t("voice.play", { length: length(duration) })}
        onClick={() => void toggle()}
      >
        <Icon name={playing ? "pause" : "play"} />
      </button>
      <span className="wave" aria-hidden="true">
        {wave.map((each, index) => (
          <i
            key={index}
            className={index / wave.length < at / (duration || 1) ? "on" : ""}
            style={{ height: `${20 + each * 80}%` }}
          />
        ))}
      </span>
      <span className="num t13 muted">
        {length(at)} / {length(duration)}
      </span>
      <button
        type="button"
        className="t12 strong muted"
        aria-label={t("voice.speed", { speed })}
        onClick={() => setSpeed(speed === 1 ? 1.5 : speed === 1.5 ? 2 : 1)}
      >
        ×{speed}
      </button>
      {url && (
        <audio
          ref={audio}
          src={url}
          autoPlay
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onEnded={() => {
            setPlaying(false);
            setAt(0);
          }}
          onTimeUpdate={(event) => setAt(event.currentTarget.currentTime * 1000)}
        >
          <track kind="captions" />
        </audio>
      )}
    </div>
  );
}

function bars(waveform: number[], count: number): number[] {
  if (!waveform.length) return Array.from({ length: count }, () => 0.15);
  const most = Math.max(...waveform, 1);
  return Array.from({ length: count }, (_, index) => (waveform[Math.floor((index * waveform.length) / count)] ?? 0) / most);
}

export function iconOf(mime: string, name: string): IconName {
  if (/sheet|excel|csv/.test(mime) || /\.(xlsx?|ods|csv)$/i.test(name)) return "sheet";
  return mime.startsWith("image/")
    ? "image"
    : mime.startsWith("audio/")
      ? "speaker"
      : mime.startsWith("video/")
        ? "video"
        : "doc";
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

function Poll({ item, room }: { item: Item; room: RoomViewModel }) {
  const { t } = useTranslation();
  const content = item.content as Extract<Item["content"], { type: "poll" }>;
  const shown = content.disclosed || content.ended;
  return (
    <div className="poll" role="group" aria-label={t("poll.label", { question: content.question })}>
      <p className="row g2 t12 muted">
        <Icon name="poll" size={14} />
        {t(content.ended ? "poll.final" : shown ? "poll.open" : "poll.hidden")}
      </p>
      <p className="strong pollq">{content.question}</p>
      {content.answers.map((each) => (
        <button
          type="button"
          key={each.id}
          className={each.mine ? "opt mine" : "opt"}
          aria-pressed={each.mine}
          disabled={content.ended || item.state !== "sent"}
          onClick={() => void room.vote(item, each.id)}
        >
          <span className="ring" />
          <span>{each.text}</span>
          {shown && <span className="num muted t13">{t("poll.votes", { count: each.votes })}</span>}
          {shown && (
            <span className="bar">
              <i style={{ width: `${content.voters ? Math.round((each.votes / content.voters) * 100) : 0}%` }} />
            </span>
          )}
        </button>
      ))}
    </div>
  );
}

const REMEDIES: Partial<Record<LockedReason, string>> = { verify: "locked.confirm", "no-backup": "locked.confirm" };

/** A message that cannot be read says why, and offers the one thing that helps. */
function Locked({ reason, sender }: { reason: LockedReason; sender: string }) {
  const { t } = useTranslation();
  const app = useApp();
  const { encryption } = useSnapshot(app);
  const actual: LockedReason =
    encryption === "unconfirmed" && (reason === "waiting" || reason === "no-backup") ? "verify" : reason;
  const remedy = encryption === "unconfirmed" ? REMEDIES[actual] : undefined;
  return (
    <div className={actual === "verify" || actual === "identity-changed" ? "state warn" : "state"}>
      <Icon name={actual === "verify" ? "key" : "lock"} size={18} />
      <div className="grow">
        <b>{t(`locked.${actual}`)}</b>
        {t(`locked.${actual}.text`, { name: sender })}
      </div>
      {remedy && (
        <button type="button" className="btn small" onClick={app.askConfirm}>
          {t(remedy)}
        </button>
      )}
    </div>
  );
}
