import { lazy, Suspense, useEffect, useId, useRef, useState } from "react";
import { Button } from "react-aria-components/Button";
import { Dialog as AriaDialog, DialogTrigger } from "react-aria-components/Dialog";
import { Popover } from "react-aria-components/Popover";
import { useTranslation } from "react-i18next";
import type { RoomDetails } from "../../matrix/types";
import type { ComposerViewModel } from "../../viewmodels/composer";
import type { RoomViewModel } from "../../viewmodels/room";
import { textFor } from "../content";
import { Form } from "../ui/form";
import { Icon } from "../ui/icon";
import { Menu } from "../ui/menu";
import { Problem } from "../ui/parts";
import { useApp, useSnapshot } from "../use";
import { useAttach } from "./attach";
import type { Field } from "./field";
import { PasteDialog } from "./paste_dialog";
import { PlainField } from "./plain_field";
import { Scheduled } from "./scheduled";
import { Suggestions } from "./suggestions";
import { Uploads } from "./uploads";

const Tray = lazy(() => import("./tray").then((each) => ({ default: each.Tray })));
const EmojiPicker = lazy(() => import("../emoji_picker").then((each) => ({ default: each.EmojiPicker })));
const VoiceRecorder = lazy(() => import("../voice_recorder").then((each) => ({ default: each.VoiceRecorder })));
const RichField = lazy(() => import("./rich_field").then((each) => ({ default: each.RichField })));
const OrderDialog = lazy(() => import("../order_dialog").then((each) => ({ default: each.OrderDialog })));
const PlaybookDialog = lazy(() => import("../playbook_dialog").then((each) => ({ default: each.PlaybookDialog })));
const ScheduleDialog = lazy(() => import("../schedule_dialog").then((each) => ({ default: each.ScheduleDialog })));

export function Composer({ model, room, details }: { model: ComposerViewModel; room: RoomViewModel; details: RoomDetails }) {
  const { t } = useTranslation();
  const app = useApp();
  const { isBlank, reply, editing, suggestions, chosen, named, worry, pasted, problem, scheduled } = useSnapshot(model);
  const { uploads } = useSnapshot(model.uploads);
  const { enterSends, richText } = useSnapshot(app.preferences);
  const { configuration, connection } = useSnapshot(app);
  const field = useRef<Field>(null);
  const box = useRef<HTMLDivElement>(null);
  const { files } = useSnapshot(model.tray);
  const { dragging, paste, choices, inputs } = useAttach(model, field, box);
  const isReady = !isBlank || files.some((each) => !each.problem);
  const [switched, setSwitched] = useState(false);
  const [recording, setRecording] = useState(false);
  const [scheduling, setScheduling] = useState(false);
  const [isOrdering, setOrdering] = useState(false);
  const [isPlanning, setPlanning] = useState(false);
  const list = useId();
  const label = model.threadId ? t("composer.thread") : t("composer.label", { name: details.name });

  useEffect(() => {
    if (named) field.current?.complete(named.emoji);
  }, [named]);

  const send = (sure = false, at: number | null = null): void => {
    void model.send(sure, at);
    field.current?.focus();
  };
  const onKey = (event: KeyboardEvent): boolean => {
    if (event.isComposing) return false;
    const control = event.ctrlKey || event.metaKey;
    if (suggestions.length) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        model.move(event.key === "ArrowDown" ? 1 : -1);
        return true;
      }
      if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
        field.current?.complete(model.completion(suggestions[chosen]));
        return true;
      }
    }
    if (event.key === "Enter" && (control || (enterSends && !event.shiftKey))) {
      send();
      return true;
    }
    if (event.key === "Escape" && model.escape()) {
      event.stopPropagation();
      return true;
    }
    return event.key === "ArrowUp" && model.editLast();
  };
  const fieldProps = {
    ref: field,
    id: list,
    model,
    label,
    active: suggestions.length ? `${list}-${chosen}` : null,
    enterSends,
    autoFocus: switched,
    onKey,
    onPaste: paste,
  };
  return (
    <div className="composerbox" data-region tabIndex={-1} ref={box}>
      {uploads.length > 0 && <Uploads uploads={uploads} model={model.uploads} />}
      <Problem problem={problem} />
      {scheduled.length > 0 && <Scheduled scheduled={scheduled} model={model} />}
      {worry && (
        <div className="note warn" role="alert">
          <Icon name="warn" size={18} />
          <span className="grow">
            {t(`worry.${worry}`)} {t(details.kind === "forum" ? "worry.forum" : "worry.guests")}
          </span>
          <button type="button" className="link" onClick={() => send(true)}>
            {t("worry.send")}
          </button>
          <button type="button" className="link" onClick={() => model.escape()}>
            {t("worry.change")}
          </button>
        </div>
      )}
      {suggestions.length > 0 && (
        <Suggestions
          id={list}
          suggestions={suggestions}
          chosen={chosen}
          onPick={(each) => field.current?.complete(model.completion(each))}
        />
      )}
      {files.length > 0 && (
        <Suspense>
          <Tray model={model.tray} onSend={() => send()} onEmpty={() => field.current?.focus()} />
        </Suspense>
      )}
      {dragging && <p className="hint">{t("tray.drop")}</p>}
      <Form
        className={dragging ? "composer dragging" : "composer"}
        aria-label={label}
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        {(reply || editing) && (
          <p className="replying" role="status">
            <Icon name={editing ? "edit" : "reply"} size={16} />
            <span className="grow cut">
              {editing ? (
                t("composer.editing")
              ) : (
                <>
                  {t("composer.replying")} <b>{reply!.mine ? t("you") : reply!.sender.name}</b> {textFor(reply!, t)}
                </>
              )}
            </span>
            <button type="button" className="ib s" aria-label={t("cancel")} onClick={() => model.escape()}>
              <Icon name="x" size={16} />
            </button>
          </p>
        )}
        {recording ? (
          <Suspense>
            <VoiceRecorder
              onDone={(recorded) => {
                setRecording(false);
                if (recorded) model.sendRecorded(recorded);
              }}
            />
          </Suspense>
        ) : (
          <Suspense key={String(richText)} fallback={<PlainField {...fieldProps} />}>
            {richText ? <RichField {...fieldProps} /> : <PlainField {...fieldProps} />}
          </Suspense>
        )}
        {!recording && (
          <div className="bar2">
            <Menu
              label={t("composer.add")}
              icon="plus"
              className="ib s"
              choices={[
                ...choices,
                ...(configuration?.features.polls !== false
                  ? [{ name: t("composer.poll"), icon: "poll" as const, run: () => room.openPoll(true) }]
                  : []),
                ...(room.mayOrder && !model.threadId
                  ? [{ name: t("composer.order"), icon: "flag" as const, run: () => setOrdering(true) }]
                  : []),
                ...(room.mayOrder && !model.threadId
                  ? [{ name: t("composer.playbook"), icon: "list" as const, run: () => setPlanning(true) }]
                  : []),
                { name: t("composer.later"), icon: "clock", run: () => setScheduling(true) },
              ]}
            />
            <button
              type="button"
              className={richText ? "ib s on" : "ib s"}
              aria-label={t("composer.format")}
              aria-pressed={richText}
              onClick={() => {
                setSwitched(true);
                app.preferences.choose({ richText: !richText });
              }}
            >
              <Icon name="format" />
            </button>
            <DialogTrigger>
              <Button className="ib s" aria-label={t("composer.emoji")}>
                <Icon name="smile" />
              </Button>
              <Popover className="popover" placement="top start">
                <AriaDialog aria-label={t("composer.emoji")}>
                  {({ close }) => (
                    <Suspense>
                      <EmojiPicker
                        onPick={(emoji) => {
                          field.current?.insert(emoji);
                          close();
                        }}
                      />
                    </Suspense>
                  )}
                </AriaDialog>
              </Popover>
            </DialogTrigger>
            <button
              type="button"
              className="ib s notphone"
              aria-label={t("composer.mention")}
              onClick={() => field.current?.insert(/(^|\s)$/.test(model.text.value) ? "@" : " @")}
            >
              <Icon name="at" />
            </button>
            <span className="grow" />
            {!isReady && configuration?.features.voice_messages !== false && (
              <button type="button" className="ib s" aria-label={t("composer.voice")} onClick={() => setRecording(true)}>
                <Icon name="mic" />
              </button>
            )}
            <button type="submit" className="send" aria-label={editing ? t("save") : t("send")} disabled={!isReady}>
              <Icon name={editing ? "check" : "send"} size={19} />
            </button>
          </div>
        )}
      </Form>
      {inputs}
      {connection === "offline" && isReady && <p className="hint">{t("composer.offline")}</p>}
      {pasted !== null && <PasteDialog pasted={pasted} model={model} />}
      {isOrdering && (
        <Suspense>
          <OrderDialog room={room} onClose={() => setOrdering(false)} />
        </Suspense>
      )}
      {isPlanning && (
        <Suspense>
          <PlaybookDialog room={room} onClose={() => setPlanning(false)} />
        </Suspense>
      )}
      {scheduling && (
        <Suspense>
          <ScheduleDialog
            empty={isBlank}
            onClose={() => setScheduling(false)}
            onChoose={(at) => {
              setScheduling(false);
              send(false, at);
            }}
          />
        </Suspense>
      )}
    </div>
  );
}
