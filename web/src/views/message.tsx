import { lazy, Suspense, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item, RoomDetails } from "../matrix/types";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { Contents } from "./content";
import { EventLine } from "./fold";
import { full, time } from "./format";
import { useLongPress } from "./long_press";
import { Actions, type Asked } from "./message_actions";
import { ReactionSign, reactionName } from "./reaction_sign";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { GuestTag } from "./ui/parts";
import { useApp, useMain, useSnapshot } from "./use";

const MessageDialog = lazy(() => import("./message_dialogs").then((each) => ({ default: each.MessageDialog })));
const ForwardDialog = lazy(() => import("./forward_dialog").then((each) => ({ default: each.ForwardDialog })));

interface Props {
  item: Item;
  continues: boolean;
  /** Locked like the one before. */
  again: boolean;
  room: RoomViewModel;
  timeline: TimelineViewModel;
  details: RoomDetails;
  highlighted: boolean;
  /** Whether it is chosen; null while nothing is being chosen. */
  chosen: boolean | null;
}

export function MessageRow({ item, continues, again, room, timeline, details, highlighted, chosen }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const [asking, setAsking] = useState<Asked | null>(null);
  const press = useLongPress(item, timeline, room);
  const said = useId();
  if (item.content.type === "event") return <EventLine item={item} />;
  const name = item.mine ? t("you") : item.sender.name;
  const live = item.state === "sent" && item.content.type !== "deleted";
  const toggle = (upTo: boolean): void => room.selection.toggle(item, upTo, timeline.items, timeline.threadId);
  const onClick = (event: React.MouseEvent): void => {
    const other = (event.target as Element).closest("a, button, input, summary");
    if (other || !live || (chosen === null && !event.shiftKey) || (chosen !== null && !getSelection()?.isCollapsed)) return;
    toggle(event.shiftKey);
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: by keyboard its box, or its menu, does so
    <article
      onClick={onClick}
      onMouseDown={(event) => event.shiftKey && !(event.target as Element).closest("input") && event.preventDefault()} // chooses, does not mark text
      className={`msg${chosen ? " chosen" : ""}${continues ? " cont" : ""}${item.mine ? " me" : ""}${highlighted ? " lit" : ""}${item.mentionsMe ? " mention" : ""}`}
      aria-label={`${name}, ${time(item.ts)}`}
      aria-describedby={said}
      data-key={item.key}
      data-event={item.eventId}
      {...press}
    >
      {chosen !== null && live ? (
        <input
          type="checkbox"
          className="box pick"
          aria-label={t("selection.one", { name, time: time(item.ts) })}
          title={t("selection.one", { name, time: time(item.ts) })}
          checked={chosen}
          onClick={(event) => toggle(event.shiftKey)}
          onChange={() => {}}
        />
      ) : continues ? (
        <span />
      ) : (
        <Avatar id={item.sender.id} name={item.sender.name} picture={item.sender.avatar} />
      )}
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
        <div id={said} className="said">
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
          <Contents item={item} room={room} details={details} thread={timeline.threadId} again={again} />
          {continues && item.edited && (
            <button type="button" className="faint t12 underlined" onClick={() => setAsking("history")}>
              {t("message.edited")}
            </button>
          )}
          <Sending item={item} room={room} />
        </div>
        {item.reactions.length > 0 && (
          <div className="reacts">
            {item.reactions.map((each) => (
              <button
                type="button"
                key={each.key}
                className="react"
                aria-pressed={each.mine !== null}
                title={each.people.join(", ")}
                aria-label={t("message.reaction", {
                  key: reactionName(each),
                  count: each.count,
                  people: each.people.join(", "),
                })}
                onClick={() => void room.react(item, each.key)}
              >
                <ReactionSign reaction={each} />
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
            {item.thread.unread > 0 && <b>{t("threads.new", { count: item.thread.unread })}</b>}
            <span className="faint">{t("message.lastReply", { time: time(item.thread.lastTs) })}</span>
            <Icon name="right" size={14} />
          </button>
        )}
        {item.seenBy.length > 0 && <SeenBy item={item} />}
      </div>
      {live && chosen === null && <Actions item={item} room={room} timeline={timeline} details={details} ask={setAsking} />}
      {asking && (
        <Suspense>
          {asking === "forward" ? (
            <ForwardDialog items={[item]} model={room.selection} onClose={() => setAsking(null)} />
          ) : (
            <MessageDialog asking={asking} item={item} room={room} onClose={() => setAsking(null)} />
          )}
        </Suspense>
      )}
    </article>
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
