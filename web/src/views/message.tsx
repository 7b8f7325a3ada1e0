import { lazy, Suspense, useRef, useState } from "react";
import { Button } from "react-aria-components/Button";
import { Dialog as AriaDialog, DialogTrigger } from "react-aria-components/Dialog";
import { Popover } from "react-aria-components/Popover";
import { useTranslation } from "react-i18next";
import type { Item, RoomDetails } from "../matrix/types";
import { clock } from "../platform/clock";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { Contents, textFor } from "./content";
import { full, time } from "./format";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { type Choice, Menu } from "./ui/menu";
import { GuestTag } from "./ui/parts";
import { useApp, useMain, useSnapshot } from "./use";

const EmojiPicker = lazy(() => import("./emoji_picker").then((each) => ({ default: each.EmojiPicker })));
const MessageDialog = lazy(() => import("./message_dialogs").then((each) => ({ default: each.MessageDialog })));
const ForwardDialog = lazy(() => import("./forward_dialog").then((each) => ({ default: each.ForwardDialog })));
const QUICK = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

interface Props {
  item: Item;
  continues: boolean;
  /** Locked like the one before. */
  again: boolean;
  room: RoomViewModel;
  timeline: TimelineViewModel;
  details: RoomDetails;
  highlighted: boolean;
}

export function MessageRow({ item, continues, again, room, timeline, details, highlighted }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const [asking, setAsking] = useState<"delete" | "history" | "forward" | "report" | null>(null);
  const press = useLongPress(item, timeline, room);
  if (item.content.type === "event")
    return (
      <p className="eventline">
        {t(item.content.key, item.content.values)} · {time(item.ts)}
      </p>
    );
  const name = item.mine ? t("you") : item.sender.name;
  const live = item.state === "sent" && item.content.type !== "deleted";
  return (
    <article
      className={`msg${continues ? " cont" : ""}${item.mine ? " me" : ""}${highlighted ? " lit" : ""}${item.mentionsMe ? " mention" : ""}`}
      aria-label={`${name}, ${time(item.ts)}`}
      data-event={item.eventId}
      {...press}
    >
      {continues ? <span /> : <Avatar id={item.sender.id} name={item.sender.name} picture={item.sender.avatar} />}
      <div className="min0">
        {!continues && (
          <p className="who">
            {item.mine ? (
              <b>{name}</b>
            ) : (
              <button type="button" className="whobtn" onClick={() => main.openPanel({ name: "person", id: item.sender.id })}>
                <b>{name}</b>
              </button>
            )}
            {item.sender.guest ? (
              <GuestTag />
            ) : (
              !item.mine && item.sender.organisation && <span className="org">{item.sender.organisation}</span>
            )}
            <time dateTime={new Date(item.ts).toISOString()} title={full(item.ts)}>
              {time(item.ts)}
            </time>
            {item.edited && (
              <button type="button" className="faint t12 underlined" onClick={() => setAsking("history")}>
                {t("message.edited")}
              </button>
            )}
          </p>
        )}
        {item.reply && (
          <button type="button" className="quote" onClick={() => void timeline.jump(item.reply!.eventId)}>
            <span className="sr">{t("message.replyTo")} </span>
            {item.reply.sender ? (
              <>
                <b>{item.reply.sender}</b>
                <span>{item.reply.text ?? t("message.quoted")}</span>
              </>
            ) : (
              <span>{t("message.quotedFar")}</span>
            )}
          </button>
        )}
        <Contents item={item} room={room} details={details} again={again} />
        {continues && item.edited && (
          <button type="button" className="faint t12 underlined" onClick={() => setAsking("history")}>
            {t("message.edited")}
          </button>
        )}
        <Sending item={item} room={room} />
        {item.reactions.length > 0 && (
          <div className="reacts">
            {item.reactions.map((each) => (
              <button
                type="button"
                key={each.key}
                className="react"
                aria-pressed={each.mine !== null}
                title={each.people.join(", ")}
                aria-label={t("message.reaction", { key: each.key, count: each.count, people: each.people.join(", ") })}
                onClick={() => void room.react(item, each.key)}
              >
                <span className="e" aria-hidden="true">
                  {each.key}
                </span>
                {each.count}
              </button>
            ))}
          </div>
        )}
        {item.thread && !timeline.threadId && (
          <button type="button" className="thr" onClick={() => main.openPanel({ name: "thread", id: item.eventId })}>
            <span className="stack">
              {item.thread.people.map((each) => (
                <Avatar key={each.id} id={each.id} name={each.name} picture={each.avatar} size={22} />
              ))}
            </span>
            {t("message.replies", { count: item.thread.count })}
            <span className="faint">{t("message.lastReply", { time: time(item.thread.lastTs) })}</span>
            <Icon name="right" size={14} />
          </button>
        )}
        {item.seenBy.length > 0 && <SeenBy item={item} />}
      </div>
      {live && <Actions item={item} room={room} timeline={timeline} details={details} ask={setAsking} />}
      {asking && (
        <Suspense>
          {asking === "forward" ? (
            <ForwardDialog item={item} room={room} onClose={() => setAsking(null)} />
          ) : (
            <MessageDialog asking={asking} item={item} room={room} onClose={() => setAsking(null)} />
          )}
        </Suspense>
      )}
    </article>
  );
}

function Actions({
  item,
  room,
  timeline,
  details,
  ask,
}: Omit<Props, "continues" | "again" | "highlighted"> & { ask: (what: "delete" | "history" | "forward" | "report") => void }) {
  const { t } = useTranslation();
  const main = useMain();
  const composer = timeline.threadId ? room.thread(timeline.threadId).composer : room.composer;
  const pinned = details.pinned.includes(item.eventId);
  const isText = item.content.type === "text";
  const readable = item.content.type !== "locked";
  const choices: Choice[] = [
    ...(isText
      ? [{ name: t("message.copy"), icon: "copy" as const, run: () => void navigator.clipboard.writeText(textFor(item, t)) }]
      : []),
    ...(item.mine && isText ? [{ name: t("message.edit"), icon: "edit" as const, run: () => composer?.edit(item) }] : []),
    ...(readable && item.content.type !== "poll" && details.level?.forwarding !== false
      ? [{ name: t("message.forward"), icon: "forward" as const, run: () => ask("forward") }]
      : []),
    ...(details.may.pin
      ? [
          {
            name: t(pinned ? "message.unpin" : "message.pin"),
            icon: "pin" as const,
            run: () => void room.settings.pin(item.eventId, !pinned),
          },
        ]
      : []),
    ...(item.edited ? [{ name: t("message.history"), icon: "clock" as const, run: () => ask("history") }] : []),
    { name: t("message.markUnread"), icon: "bell", run: room.markUnread },
    ...(item.mine && item.content.type === "poll" && !item.content.ended
      ? [{ name: t("poll.end"), icon: "stop" as const, run: () => void room.endPoll(item, t("poll.ended")) }]
      : []),
    ...(!item.mine ? [{ name: t("message.report"), icon: "flag" as const, run: () => ask("report") }] : []),
    ...(item.mine || details.may.redact
      ? [{ name: t("message.delete"), icon: "trash" as const, danger: true, run: () => ask("delete") }]
      : []),
  ];
  return (
    <div className="hovbar" role="toolbar" aria-label={t("message.actions")}>
      {readable && details.may.send && <ReactButton item={item} room={room} />}
      {readable && details.may.send && (
        <button type="button" className="ib s" aria-label={t("message.reply")} onClick={() => composer?.reply(item)}>
          <Icon name="reply" />
        </button>
      )}
      {readable && !timeline.threadId && (
        <button
          type="button"
          className="ib s"
          aria-label={t("message.thread")}
          onClick={() => main.openPanel({ name: "thread", id: item.eventId })}
        >
          <Icon name="thread" />
        </button>
      )}
      <Menu label={t("message.more")} className="ib s" choices={choices} />
    </div>
  );
}

function ReactButton({ item, room }: { item: Item; room: RoomViewModel }) {
  const { t } = useTranslation();
  const [all, setAll] = useState(false);
  return (
    <DialogTrigger onOpenChange={(open) => !open && setAll(false)}>
      <Button className="ib s" aria-label={t("message.react")}>
        <Icon name="smile" />
      </Button>
      <Popover className="popover" placement="top end">
        <AriaDialog aria-label={t("message.react")}>
          {({ close }) => {
            const choose = (emoji: string): void => {
              void room.react(item, emoji);
              close();
            };
            if (all)
              return (
                <Suspense>
                  <EmojiPicker onPick={choose} />
                </Suspense>
              );
            return (
              <div className="quick">
                {QUICK.map((each) => (
                  <button type="button" key={each} className="ib" aria-label={each} onClick={() => choose(each)}>
                    <span className="e">{each}</span>
                  </button>
                ))}
                <button type="button" className="ib" aria-label={t("message.otherReaction")} onClick={() => setAll(true)}>
                  <Icon name="plus" />
                </button>
              </div>
            );
          }}
        </AriaDialog>
      </Popover>
    </DialogTrigger>
  );
}

function Sending({ item, room }: { item: Item; room: RoomViewModel }) {
  const { t } = useTranslation();
  const { connection } = useSnapshot(useApp());
  if (item.state === "sent") return null;
  const waits = item.state === "queued" || (item.state === "sending" && connection === "offline");
  if (item.state !== "failed")
    return (
      <p className="row g1 t12 faint">
        <Icon name="clock" size={13} />
        {t(waits ? "message.queued" : "message.sending")}
        {item.state === "queued" && (
          <button type="button" className="link t12" onClick={() => room.discard(item)}>
            {t("message.withdraw")}
          </button>
        )}
      </p>
    );
  return (
    <p className="row g2 t12 bad" role="alert">
      <Icon name="warn" size={14} />
      <span>
        {t("message.failed")}
        {item.refusal && `. ${t(item.refusal.key, item.refusal.values)}`}
      </span>
      <button type="button" className="link t12 bad" onClick={() => room.retry(item)}>
        {t("retry")}
      </button>
      <button type="button" className="link t12 bad" onClick={() => room.discard(item)}>
        {t("delete")}
      </button>
    </p>
  );
}

function SeenBy({ item }: { item: Item }) {
  const { t } = useTranslation();
  const names = item.seenBy.map((each) => each.name).join(", ");
  return (
    <div className="seen" title={names}>
      <span className="sr">{t("message.seenBy", { names })}</span>
      <span className="stack" aria-hidden="true">
        {item.seenBy.slice(0, 3).map((each) => (
          <Avatar key={each.id} id={each.id} name={each.name} picture={each.avatar} size={18} />
        ))}
      </span>
      {item.seenBy.length > 3 && <span aria-hidden="true">+ {item.seenBy.length - 3}</span>}
    </div>
  );
}

/** On a phone: swipe right to reply, press long for the actions. */
function useLongPress(item: Item, timeline: TimelineViewModel, room: RoomViewModel) {
  const from = useRef<{ x: number; y: number; endWaiting: () => void } | null>(null);
  const held = useRef(false);
  const end = (): void => {
    from.current?.endWaiting();
    from.current = null;
  };
  return {
    onTouchStart: (event: React.TouchEvent<HTMLElement>) => {
      const { clientX: x, clientY: y } = event.touches[0];
      const target = event.currentTarget;
      held.current = false;
      from.current = {
        x,
        y,
        endWaiting: clock.after(450, () => {
          held.current = true;
          for (const each of document.querySelectorAll(".msg.held")) each.classList.remove("held");
          target.classList.add("held");
          navigator.vibrate?.(10);
          const away = (later: Event): void => {
            if (target.contains(later.target as Node)) return;
            target.classList.remove("held");
            document.removeEventListener("touchstart", away);
          };
          document.addEventListener("touchstart", away);
        }),
      };
    },
    onTouchMove: (event: React.TouchEvent<HTMLElement>) => {
      if (!from.current) return;
      const dx = event.touches[0].clientX - from.current.x;
      const dy = event.touches[0].clientY - from.current.y;
      if (Math.abs(dy) > 12 || Math.abs(dx) > 12) from.current.endWaiting();
      if (dx > 80 && Math.abs(dy) < 40 && item.state === "sent") {
        end();
        (timeline.threadId ? room.thread(timeline.threadId).composer : room.composer)?.reply(item);
      }
    },
    onTouchEnd: (event: React.TouchEvent<HTMLElement>) => {
      end();
      if (held.current) event.preventDefault(); // no click on what happened to be under the finger
      held.current = false;
    },
  };
}
