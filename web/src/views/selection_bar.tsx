/** In the place of the field while messages are chosen: how many, and what is done with them. */

import { lazy, Suspense, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item } from "../matrix/types";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { textFor } from "./content";
import { full } from "./format";
import { Dialog, DialogActions } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { Field } from "./ui/parts";
import { useMain, useSnapshot } from "./use";

const ForwardDialog = lazy(() => import("./forward_dialog").then((each) => ({ default: each.ForwardDialog })));

/** Whether messages are being chosen in a conversation, or in a thread. */
export function useChoosing(room: RoomViewModel, timeline: TimelineViewModel): ReadonlySet<string> | null {
  const { chosen, thread } = useSnapshot(room.selection);
  return thread === timeline.threadId ? chosen : null;
}

export function SelectionBar({ room, timeline }: { room: RoomViewModel; timeline: TimelineViewModel }) {
  const { t } = useTranslation();
  const main = useMain();
  const { selection } = room;
  const { isFull, busy, problem } = useSnapshot(selection);
  useSnapshot(timeline);
  const [asking, setAsking] = useState<"forward" | "delete" | null>(null);
  const items = selection.of(timeline.items);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape" || event.defaultPrevented || document.querySelector(".scrim, .popover")) return;
      event.preventDefault();
      selection.end();
    };
    document.addEventListener("keydown", onKey, true);
    return () => document.removeEventListener("keydown", onKey, true);
  }, [selection]);
  const copy = async (): Promise<void> => {
    const lines = items.map((each) => `[${full(each.ts)}] ${each.mine ? t("you") : each.sender.name} : ${textFor(each, t)}`);
    await navigator.clipboard.writeText(lines.join("\n"));
    main.say("selection.copied", { count: items.length });
    selection.end();
  };
  return (
    <div className="selectbar" role="toolbar" aria-label={t("selection.label")} data-region tabIndex={-1}>
      <p className="grow" role="status">
        {isFull ? t("selection.full") : t("selection.count", { count: items.length })}
        {problem && ` ${t(problem.key, problem.values)}`}
      </p>
      <button type="button" className="btn small" disabled={!selection.mayForward(items)} onClick={() => setAsking("forward")}>
        <Icon name="forward" size={18} />
        <span className="notphone">{t("message.forward")}</span>
        <span className="sr onlyphone">{t("message.forward")}</span>
      </button>
      <button type="button" className="btn small" onClick={() => void copy()}>
        <Icon name="copy" size={18} />
        <span className="notphone">{t("selection.copy")}</span>
        <span className="sr onlyphone">{t("selection.copy")}</span>
      </button>
      <button
        type="button"
        className="btn small danger"
        disabled={busy || !selection.deletable(items)}
        onClick={() => setAsking("delete")}
      >
        <Icon name="trash" size={18} />
        <span className="notphone">{t("delete")}</span>
        <span className="sr onlyphone">{t("delete")}</span>
      </button>
      <button type="button" className="ib s" aria-label={t("selection.end")} onClick={selection.end}>
        <Icon name="x" />
      </button>
      {asking === "forward" && (
        <Suspense>
          <ForwardDialog items={items} model={selection} onClose={() => setAsking(null)} />
        </Suspense>
      )}
      {asking === "delete" && <DeleteDialog items={items} room={room} onClose={() => setAsking(null)} />}
    </div>
  );
}

function DeleteDialog({ items, room, onClose }: { items: Item[]; room: RoomViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const main = useMain();
  const [reason, setReason] = useState("");
  const may = room.selection.deletable(items);
  const go = async (): Promise<void> => {
    onClose();
    const { done, failed } = await room.selection.delete(items, reason.trim());
    if (failed) main.say("selection.deletedSome", { done, failed });
    else main.say("selection.deleted", { count: done });
  };
  return (
    <Dialog
      alert
      title={t("selection.deleteTitle", { count: may })}
      hint={may < items.length ? t("selection.notYours", { count: items.length - may }) : t("message.deleteHint")}
      onClose={onClose}
      foot={<DialogActions go={t("delete")} danger onGo={() => void go()} onCancel={onClose} />}
    >
      <Field label={t("message.reason")} value={reason} onText={setReason} maxLength={200} />
    </Dialog>
  );
}
