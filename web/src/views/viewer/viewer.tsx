import "../../styles/viewer.css";
import { Suspense, useRef, useState } from "react";
import { Dialog as AriaDialog, Modal, ModalOverlay } from "react-aria-components/Modal";
import { useTranslation } from "react-i18next";
import { keep } from "../../platform/files";
import type { RoomViewModel } from "../../viewmodels/room";
import { type Viewed, ViewerViewModel } from "../../viewmodels/viewer";
import { STEP, WHOLE, type Zoom } from "../../viewmodels/zoom";
import { full } from "../format";
import { RichText } from "../rich_text";
import { Icon } from "../ui/icon";
import { keyOf, useApp, useLater, useOwned, useSnapshot } from "../use";
import { verdictOf } from "../verdict";
import { DocumentView } from "./document";
import { Picture, type Pictured } from "./picture";

type Given = ConstructorParameters<typeof ViewerViewModel>[2];

interface Props {
  room: RoomViewModel;
  of: Given;
  thread: string | null;
  onClose: () => void;
}

/** A file as large as the screen. Escape goes back to where it was opened. */
export function Viewer({ room, of, thread, onClose }: Props) {
  const { t } = useTranslation();
  const model = useOwned(() => room.make(ViewerViewModel, of, thread), of.eventId);
  const { shown, place, of: count, hasPrevious, hasNext, isLooking } = useSnapshot(model);
  const [zoom, setZoom] = useState<{ of: string; zoom: Zoom }>({ of: shown.eventId, zoom: WHOLE });
  const now = zoom.of === shown.eventId ? zoom.zoom : WHOLE; // each begins whole
  const stage = useRef<Pictured>(null);
  const change = (next: Zoom): void => setZoom({ of: shown.eventId, zoom: next });
  const isZoomable = shown.kind === "picture" || shown.kind === "pdf";
  const label = shown.file.caption ?? t("file.imageFrom", { name: shown.sender, file: shown.file.name });
  const by = (factor: number): void => {
    if (shown.kind === "picture") stage.current?.zoomBy(factor);
    else change({ ...WHOLE, scale: Math.min(4, Math.max(1, now.scale * factor)) });
  };
  const onKey = (event: React.KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLVideoElement) return;
    const isGallery = shown.kind === "picture" || shown.kind === "film";
    const keys: Record<string, (() => void) | false> = {
      ArrowLeft: isGallery && (() => (now.scale > 1 ? stage.current?.pan(80, 0) : void model.previous())),
      ArrowRight: isGallery && (() => (now.scale > 1 ? stage.current?.pan(-80, 0) : void model.next())),
      ArrowUp: now.scale > 1 && shown.kind === "picture" && (() => stage.current?.pan(0, 80)),
      ArrowDown: now.scale > 1 && shown.kind === "picture" && (() => stage.current?.pan(0, -80)),
      "+": isZoomable && (() => by(STEP)),
      "=": isZoomable && (() => by(STEP)),
      "-": isZoomable && (() => by(1 / STEP)),
      "0": isZoomable && (() => change(WHOLE)),
    };
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  return (
    <ModalOverlay className="scrim dark viewerscrim" isOpen onOpenChange={(open) => !open && onClose()}>
      <Modal className="viewer">
        <AriaDialog aria-label={shown.file.name}>
          <div className="viewerall" onKeyDown={onKey}>
            <header className="viewerhead">
              <div className="grow min0">
                <p className="strong cut">{shown.file.name}</p>
                <p className="t13 cut viewersub">
                  {shown.sender} · {full(shown.ts)}
                </p>
              </div>
              {isZoomable && (
                <>
                  <button type="button" className="ib" aria-label={t("viewer.smaller")} onClick={() => by(1 / STEP)}>
                    <span aria-hidden="true">−</span>
                  </button>
                  <span className="t13 num viewerscale">{t("viewer.scale", { percent: Math.round(now.scale * 100) })}</span>
                  <button type="button" className="ib" aria-label={t("viewer.larger")} onClick={() => by(STEP)}>
                    <span aria-hidden="true">+</span>
                  </button>
                </>
              )}
              <Download shown={shown} />
              <button type="button" className="ib" aria-label={t("close")} onClick={onClose} autoFocus>
                <Icon name="x" />
              </button>
            </header>
            <div className="viewerstage">
              <Suspense fallback={<p role="status">{t("loading")}</p>}>
                <Cleared key={shown.eventId} shown={shown}>
                  <Shown
                    shown={shown}
                    label={label}
                    zoom={now}
                    onZoom={change}
                    stage={stage}
                    go={(by) => void (by < 0 ? model.previous() : model.next())}
                  />
                </Cleared>
              </Suspense>
              {(hasPrevious || count > 1) && (
                <Step label={t("viewer.previous")} icon="left" off={!hasPrevious} go={() => void model.previous()} />
              )}
              {(hasNext || count > 1) && (
                <Step label={t("viewer.next")} icon="right" off={!hasNext} go={() => void model.next()} />
              )}
            </div>
            <footer className="viewerfoot">
              {shown.file.caption && <Caption file={shown.file} room={room} />}
              <p className="t13" role="status">
                {isLooking
                  ? t("viewer.looking")
                  : count > 1
                    ? t("viewer.place", { place, of: count, name: shown.file.name })
                    : ""}
              </p>
            </footer>
          </div>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

function Caption({ file, room }: { file: Viewed["file"]; room: RoomViewModel }) {
  const { caption, captionHtml } = file;
  if (!captionHtml) return <p className="viewercaption">{caption}</p>;
  return <RichText html={captionHtml} room={room} className="viewercaption txt" />;
}

/** Stays where it is at an end, so that the hands do. */
const Step = ({ label, icon, off, go }: { label: string; icon: "left" | "right"; off: boolean; go: () => void }) => (
  <button
    type="button"
    className={`ib viewerstep ${icon}`}
    aria-label={label}
    aria-disabled={off || undefined}
    onClick={() => !off && go()}
  >
    <Icon name={icon} size={28} />
  </button>
);

function Download({ shown: { file } }: { shown: Viewed }) {
  const { t } = useTranslation();
  const app = useApp();
  return (
    <button
      type="button"
      className="ib"
      aria-label={t("file.download", { name: file.name })}
      onClick={() =>
        app.media.url(file).then(
          (url) => keep(url, file.name),
          () => {}, // what is shown says so
        )
      }
    >
      <Icon name="download" />
    </button>
  );
}

/** Where there is an antivirus nothing of a file is opened before it has said that the file is clean. */
function Cleared({ shown: { file }, children }: { shown: Viewed; children: React.ReactNode }) {
  const { t } = useTranslation();
  const app = useApp();
  const verdict = useLater(async () => ({ why: await app.media.verdict(file) }), `scan ${keyOf(file)}`);
  if (!app.media.isScanned || verdict?.why === null) return children;
  return (
    <p className="viewernote" role="status">
      {verdict === undefined ? t("scan.going") : verdict === null ? t("scan.failed") : t("scan.stopped")}
      {verdict?.why && <span className="block t13">{verdictOf(verdict.why, t)}</span>}
    </p>
  );
}

interface ShownProps {
  shown: Viewed;
  label: string;
  zoom: Zoom;
  onZoom: (zoom: Zoom) => void;
  stage: React.Ref<Pictured>;
  go: (by: 1 | -1) => void;
}

function Shown({ shown: { file, kind }, label, zoom, onZoom, stage, go }: ShownProps) {
  switch (kind) {
    case "picture":
      return <Picture ref={stage} file={file} label={label} zoom={zoom} onZoom={onZoom} go={go} />;
    case "film":
      return <Film file={file} />;
    case null:
      return null;
    default:
      return <DocumentView file={file} kind={kind} scale={zoom.scale} />;
  }
}

function Film({ file }: { file: Viewed["file"] }) {
  const { t } = useTranslation();
  const app = useApp();
  const poster = useLater(() => app.media.poster(file), `poster ${keyOf(file)}`);
  const url = useLater(() => app.media.url(file), keyOf(file));
  if (!url) return <p role="status">{url === null ? t("file.failed") : t("loading")}</p>;
  return (
    <video src={url} poster={poster || undefined} controls autoPlay aria-label={file.name}>
      <track kind="captions" />
    </video>
  );
}
