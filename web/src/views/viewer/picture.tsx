import { useEffect, useImperativeHandle, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment } from "../../matrix/types";
import { moved, type Point, WHOLE, type Zoom, zoomed } from "../../viewmodels/zoom";
import { keyOf, useApp, useLater } from "../use";

/** What the keys and the buttons around it ask of a picture. */
export interface Pictured {
  zoomBy: (factor: number) => void;
  pan: (x: number, y: number) => void;
}

interface Props {
  file: Attachment;
  label: string;
  zoom: Zoom;
  onZoom: (zoom: Zoom) => void;
  /** To the one before or after it. */
  go: (by: 1 | -1) => void;
  ref: React.Ref<Pictured>;
}

/** How far a finger goes across for the next picture, in points. */
const SWIPE = 60;

/** A picture, whole at first: larger by wheel, two fingers, two clicks; moved where it is larger than the screen. */
export function Picture({ file, label, zoom, onZoom, go, ref }: Props) {
  const { t } = useTranslation();
  const app = useApp();
  const box = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLImageElement>(null);
  const fingers = useRef(new Map<number, Point>());
  const swiped = useRef<Point>({ x: 0, y: 0 });
  const latest = useRef({ zoom, onZoom });
  latest.current = { zoom, onZoom };
  const url = useLater(() => app.media.url(file), keyOf(file));
  const small = useLater(() => app.media.small(file), `small ${keyOf(file)}`);

  const sizes = (): [Point, Point] => {
    const { clientWidth, clientHeight } = image.current ?? { clientWidth: 0, clientHeight: 0 };
    const { offsetWidth, offsetHeight } = box.current!;
    return [
      { x: clientWidth, y: clientHeight },
      { x: offsetWidth, y: offsetHeight },
    ];
  };
  /** From the middle of the box. */
  const at = (x: number, y: number): Point => {
    const { left, top, width, height } = box.current!.getBoundingClientRect();
    return { x: x - left - width / 2, y: y - top - height / 2 };
  };
  const put = (next: Zoom): void => {
    latest.current.zoom = next; // two moves may come before it is drawn
    latest.current.onZoom(next);
  };
  const zoomBy = (factor: number, around: Point = { x: 0, y: 0 }): void =>
    put(zoomed(latest.current.zoom, factor, around, ...sizes()));
  const pan = (x: number, y: number): void => put(moved(latest.current.zoom, { x, y }, ...sizes()));
  useImperativeHandle(ref, () => ({ zoomBy, pan }), []);

  useEffect(() => {
    const place = box.current!;
    const wheel = (event: WheelEvent): void => {
      event.preventDefault(); // the page must not grow with it
      zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), at(event.clientX, event.clientY));
    };
    place.addEventListener("wheel", wheel, { passive: false });
    return () => place.removeEventListener("wheel", wheel);
  }, []);

  const move = (event: React.PointerEvent): void => {
    const before = fingers.current.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1];
    fingers.current.set(event.pointerId, now);
    if (other) {
      const distance = (point: Point): number => Math.hypot(point.x - other.x, point.y - other.y) || 1;
      zoomBy(distance(now) / distance(before), at((now.x + other.x) / 2, (now.y + other.y) / 2));
      swiped.current = { x: 0, y: 0 };
    } else if (latest.current.zoom.scale > 1) pan(now.x - before.x, now.y - before.y);
    else swiped.current = { x: swiped.current.x + now.x - before.x, y: swiped.current.y + now.y - before.y };
  };
  const lift = (event: React.PointerEvent): void => {
    if (!fingers.current.delete(event.pointerId) || fingers.current.size) return;
    const { x, y } = swiped.current;
    swiped.current = { x: 0, y: 0 };
    if (event.type === "pointerup" && Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y)) go(x < 0 ? 1 : -1);
  };

  return (
    <div
      ref={box}
      className={zoom.scale > 1 ? "viewerpic large" : "viewerpic"}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        fingers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
      }}
      onPointerMove={move}
      onPointerUp={lift}
      onPointerCancel={lift}
      onDoubleClick={(event) => (zoom.scale > 1 ? put(WHOLE) : zoomBy(2.5, at(event.clientX, event.clientY)))}
    >
      {url || small ? (
        <img
          ref={image}
          src={url || small || undefined}
          alt={label}
          draggable={false}
          style={{ transform: `translate(${zoom.x}px,${zoom.y}px) scale(${zoom.scale})` }}
        />
      ) : (
        <p role="status">{url === null ? t("file.failed") : t("loading")}</p>
      )}
    </div>
  );
}
