import { lazy, Suspense, useState } from "react";
import { Button } from "react-aria-components/Button";
import { Dialog as AriaDialog, DialogTrigger } from "react-aria-components/Dialog";
import { Popover } from "react-aria-components/Popover";
import { useTranslation } from "react-i18next";
import type { Item, RoomDetails } from "../matrix/types";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { textFor } from "./content";
import { time } from "./format";
import { useOpenPlans } from "./playbook_tabs";
import { asMessage } from "./playbook_words";
import { Icon } from "./ui/icon";
import { type Choice, Menu } from "./ui/menu";
import { useMain } from "./use";

const EmojiPicker = lazy(() => import("./emoji_picker").then((each) => ({ default: each.EmojiPicker })));
const QUICK = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

/** What the menu asks before it does something. */
export type Asked = "delete" | "history" | "forward" | "report";

interface Props {
  item: Item;
  room: RoomViewModel;
  timeline: TimelineViewModel;
  details: RoomDetails;
  ask: (what: Asked) => void;
}

/** What may be done with a message. */
export function Actions({ item, room, timeline, details, ask }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const composer = timeline.threadId ? room.thread(timeline.threadId).composer : room.composer;
  const pinned = details.pinned.includes(item.eventId);
  const isText = item.content.type === "text";
  const readable = item.content.type !== "locked";
  const kept = main.saved.isKept(room.id, item.eventId);
  const copyLink = (kind: "own" | "any"): void => {
    void navigator.clipboard.writeText(room.linkTo(item, main.origin)[kind]).then(() => main.say("message.linkCopied"));
  };
  const plans = useOpenPlans();
  const enter = async (): Promise<void> => {
    const said = t("playbook.quoted", { name: item.sender.name, time: time(item.ts), text: textFor(item, t) });
    const went = await plans?.enter(said, (title, text) => asMessage(t, title, text));
    main.say(went ? "playbook.entered" : "playbook.notEntered");
  };
  const choices: Choice[] = [
    ...(isText
      ? [{ name: t("message.copy"), icon: "copy" as const, run: () => void navigator.clipboard.writeText(textFor(item, t)) }]
      : []),
    ...(isText && details.may.send && plans
      ? [{ name: t("playbook.enter"), icon: "journal" as const, run: () => void enter() }]
      : []),
    { name: t("message.copyLink"), icon: "link", run: () => copyLink("own") },
    { name: t("message.copyLinkAny"), icon: "globe", run: () => copyLink("any") },
    ...(item.mine && isText ? [{ name: t("message.edit"), icon: "edit" as const, run: () => composer?.edit(item) }] : []),
    ...(readable && item.content.type !== "poll" && details.level?.forwarding !== false
      ? [{ name: t("message.forward"), icon: "forward" as const, run: () => ask("forward") }]
      : []),
    { name: t(kept ? "saved.letGo" : "saved.keep"), icon: "bookmark", run: () => void main.keep(room.id, item.eventId) },
    { name: t("message.select"), icon: "check", run: () => room.selection.begin(item, timeline.threadId) },
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
                {QUICK.map((each, index) => (
                  <button
                    type="button"
                    key={each}
                    className="ib"
                    aria-label={each}
                    autoFocus={index === 0}
                    onClick={() => choose(each)}
                  >
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
