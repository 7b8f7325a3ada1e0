import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Virtualizer, type VirtualizerHandle } from "virtua";
import "../styles/messages.css";
import type { RoomDetails } from "../matrix/types";
import type { FoldedRow } from "../viewmodels/folded_rows";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { useDrawn } from "./drawn";
import { FoldedLines } from "./fold";
import { day } from "./format";
import { GivenLine } from "./given_line";
import { arrive } from "./hands/arrive";
import { oneStop } from "./hands/one_stop";
import { useLanding } from "./landing";
import { MessageRow } from "./message";
import { QuotePart } from "./quote_part";
import { useChoosing } from "./selection_bar";
import { spokenAll } from "./spoken";
import { Icon } from "./ui/icon";
import { Empty, Skeleton } from "./ui/parts";
import { useSnapshot } from "./use";

/** Pixels: nearer than that to its end, a list stays there when something comes. */
const NEAR_THE_END = 60;
/** Pixels: nearer than that to either end, what is beyond it is fetched. */
const NEAR = 800;

interface Props {
  room: RoomViewModel;
  timeline: TimelineViewModel;
  details: RoomDetails;
}

/** Only what is on the screen is drawn; what is older is fetched when it comes near. */
export function Timeline({ room, timeline, details }: Props) {
  const { t } = useTranslation();
  const {
    rows,
    loading,
    failed,
    lost,
    older,
    target,
    prepended,
    highlighted,
    announcement,
    newer,
    unreadBelow,
    unreadAbove,
    loadingOlder,
    resting,
  } = useSnapshot(timeline);
  const choosing = useChoosing(room, timeline);
  const composer = timeline.threadId ? room.thread(timeline.threadId).composer : room.composer;
  const scroller = useRef<HTMLElement>(null);
  const handle = useRef<VirtualizerHandle>(null);
  const bottom = useRef(true);
  const [awayFromEnd, setAway] = useState(false);
  const [held, setHeld] = useState<string | null>(null); // the message that has the focus: it stays drawn
  const heldAt = held === null ? -1 : rows.findIndex((each) => each.key === held);
  const mounted = useMemo(() => (heldAt < 0 ? [] : [heldAt]), [heldAt]);

  const isLanding = useLanding(scroller, handle, timeline, target, () => onScroll(scroller.current?.scrollTop ?? 0));

  useLayoutEffect(() => {
    if (target) bottom.current = false;
  }, [target]);

  useLayoutEffect(() => {
    if (bottom.current && rows.length && !target) handle.current?.scrollToIndex(rows.length - 1, { align: "end" });
  }, [rows, target]);

  // what is measured after it was drawn (pictures, fonts, a phone's keyboard) must not push the end away
  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const observer = new ResizeObserver(() => {
      if (bottom.current) box.scrollTop = box.scrollHeight;
    });
    observer.observe(box);
    if (box.firstElementChild) observer.observe(box.firstElementChild);
    return () => observer.disconnect();
  }, [loading]);

  useEffect(() => {
    const look = (): void => timeline.setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [timeline]);

  const lookForUnread = useCallback((): void => {
    const box = scroller.current;
    const list = handle.current;
    if (!box || !list || !timeline.snapshot().unreadAbove) return;
    const line = timeline.snapshot().rows.findIndex((each) => each.type === "unread");
    // on the way to its end the list shows for a moment what nobody reads
    if (line < 0 || (bottom.current && box.scrollHeight - box.scrollTop - box.clientHeight >= NEAR_THE_END)) return;
    const drawn = box.querySelector(".newline");
    const isBelowTop = drawn
      ? drawn.getBoundingClientRect().bottom > box.getBoundingClientRect().top
      : !bottom.current && list.findItemIndex(box.scrollTop) <= line;
    if (isBelowTop) timeline.sawUnread();
  }, [timeline]);

  useEffect(() => {
    if (!unreadAbove) return;
    const frame = requestAnimationFrame(lookForUnread);
    return () => cancelAnimationFrame(frame);
  }, [unreadAbove, lookForUnread]);

  const fetchNear = useCallback((): void => {
    const box = scroller.current;
    if (!box || isLanding()) return;
    if (box.scrollTop < NEAR) void timeline.older();
    if (box.scrollHeight - box.scrollTop - box.clientHeight < NEAR) void timeline.newer();
  }, [timeline]);

  const onScroll = useCallback(
    (offset: number) => {
      const box = scroller.current;
      if (!box) return;
      const fromEnd = box.scrollHeight - offset - box.clientHeight;
      bottom.current = fromEnd < NEAR_THE_END && !timeline.snapshot().newer;
      setAway(fromEnd > 600 || timeline.snapshot().newer);
      timeline.scrolled(bottom.current);
      lookForUnread();
      fetchNear();
    },
    [timeline, lookForUnread, fetchNear],
  );

  // Asked for while something else was being fetched, it was not fetched, and at its end a list is not scrolled any more. A screen that
  // is not filled is at both ends.
  useEffect(() => {
    if (loading || loadingOlder || resting) return;
    const frame = requestAnimationFrame(fetchNear);
    return () => cancelAnimationFrame(frame);
  }, [loading, loadingOlder, resting, older, newer, rows.length, fetchNear]);

  const toEnd = async (): Promise<void> => {
    await timeline.jumpToNewest();
    bottom.current = true;
    handle.current?.scrollToIndex(timeline.snapshot().rows.length - 1, { align: "end" });
  };

  const isDrawn = !failed && !(loading && !rows.length);
  useDrawn(scroller, scroller, ":scope > ol", isDrawn);
  useEffect(() => {
    if (!isDrawn || !scroller.current) return;
    const far = (end: "first" | "last"): void =>
      end === "first" ? handle.current?.scrollToIndex(0, { align: "start" }) : void toEnd();
    return oneStop(scroller.current, { stops: "article, .fold", begin: "last", far });
  }, [isDrawn, timeline]);

  if (loading && !rows.length)
    return (
      <section className="tl" aria-busy="true" aria-label={t(timeline.threadId ? "timeline.thread" : "timeline.label")}>
        <Skeleton rows={7} />
      </section>
    );
  if (failed)
    return (
      <section className="tl middle">
        <Empty icon="warn" title={t("timeline.failed")}>
          <button type="button" className="btn" onClick={timeline.retryOpening}>
            {t("retry")}
          </button>
        </Empty>
      </section>
    );
  return (
    <div className="tlbox">
      {lost && (
        <p className="banner warn" role="alert">
          <Icon name="warn" size={18} />
          <span className="grow">{t("timeline.lost")}</span>
          <button type="button" className="link" onClick={timeline.dismissLost}>
            {t("close")}
          </button>
        </p>
      )}
      <section
        className="tl"
        aria-label={t(timeline.threadId ? "timeline.thread" : "timeline.label")}
        ref={scroller}
        tabIndex={-1}
        data-region
        onFocus={({ target }) => setHeld(target.closest<HTMLElement>("[data-key]")?.dataset.key ?? null)}
        onKeyDown={({ key, currentTarget }) => {
          const around = currentTarget.closest<HTMLElement>("main, aside");
          if (key === "Escape" && around && !around.matches(".side")) arrive(around);
        }}
        data-testid="timeline"
      >
        <div className="tlfill" />
        {rows.length === 0 && <Empty icon="chat" title={t("timeline.empty")} text={t("timeline.emptyText")} />}
        <Virtualizer
          ref={handle}
          scrollRef={scroller}
          shift={prepended}
          onScroll={onScroll}
          keepMounted={mounted}
          as="ol"
          item="li"
          bufferSize={600}
        >
          {rows.map((row) => (
            <RowView
              key={row.key}
              row={row}
              room={room}
              timeline={timeline}
              details={details}
              highlighted={row.type === "item" && row.item.eventId === highlighted}
              chosen={choosing && row.type === "item" ? choosing.has(row.item.eventId) : null}
            />
          ))}
        </Virtualizer>
        {loadingOlder && <span className="sr">{t("timeline.loading")}</span>}
      </section>
      {composer && details.may.send && <QuotePart box={scroller} timeline={timeline} composer={composer} />}
      {unreadAbove && (
        <button type="button" className="toend tounread" onClick={() => void timeline.jumpToUnread()}>
          <Icon name="up" size={18} />
          {unreadAbove.count === null ? t("timeline.jumpUnreadMany") : t("timeline.jumpUnread", { count: unreadAbove.count })}
        </button>
      )}
      {(awayFromEnd || newer) && (
        <button type="button" className="toend" onClick={() => void toEnd()}>
          <Icon name="down" size={18} />
          {unreadBelow > 0 ? t("timeline.newBelow", { count: unreadBelow }) : t("timeline.toEnd")}
        </button>
      )}
      <div className="sr" aria-live="polite" data-testid="announcement">
        {announcement && <p key={announcement.turn}>{spokenAll(announcement.items, t)}</p>}
      </div>
    </div>
  );
}

const RowView = memo(function RowView({
  row,
  room,
  timeline,
  details,
  highlighted,
  chosen,
}: Props & { row: FoldedRow; highlighted: boolean; chosen: boolean | null }) {
  const { t } = useTranslation();
  if (row.type === "day")
    return (
      <div className="day">
        <span>{day(row.ts)}</span>
      </div>
    );
  if (row.type === "unread")
    return (
      <div className="newline">
        <span>{timeline.threadId ? t("threads.new", { count: row.count }) : t("timeline.unreadLine")}</span>
      </div>
    );
  if (row.type === "given") return <GivenLine by={row.by.name} />;
  if (row.type === "fold") return <FoldedLines fold={row} isDirect={details.kind === "direct"} />;
  return (
    <MessageRow
      item={row.item}
      continues={row.continues}
      again={row.again}
      room={room}
      timeline={timeline}
      details={details}
      highlighted={highlighted}
      chosen={chosen}
    />
  );
});
