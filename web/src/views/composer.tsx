import { lazy, Suspense, useEffect, useId, useLayoutEffect, useRef, useState } from "react";
import { Button } from "react-aria-components/Button";
import { Dialog as AriaDialog, DialogTrigger } from "react-aria-components/Dialog";
import { Popover } from "react-aria-components/Popover";
import { useTranslation } from "react-i18next";
import type { RoomDetails } from "../matrix/types";
import type { ComposerViewModel, Suggestion, Upload } from "../viewmodels/composer";
import type { RoomViewModel } from "../viewmodels/room";
import { textFor } from "./content";
import { full, size } from "./format";
import { Avatar } from "./ui/avatar";
import { Dialog } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { Menu } from "./ui/menu";
import { Problem } from "./ui/parts";
import { useApp, useSnapshot } from "./use";

const EmojiPicker = lazy(() => import("./emoji_picker").then((each) => ({ default: each.EmojiPicker })));
const VoiceRecorder = lazy(() => import("./voice_recorder").then((each) => ({ default: each.VoiceRecorder })));
const ScheduleDialog = lazy(() => import("./schedule_dialog").then((each) => ({ default: each.ScheduleDialog })));

export function Composer({ model, room, details }: { model: ComposerViewModel; room: RoomViewModel; details: RoomDetails }) {
  const { t } = useTranslation();
  const app = useApp();
  const { text, reply, editing, suggestions, chosen, worry, pasted, uploads, problem, scheduled, caret } = useSnapshot(model);
  const { enterSends } = useSnapshot(app.preferences);
  const { configuration, connection } = useSnapshot(app);
  const area = useRef<HTMLTextAreaElement>(null);
  const file = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const [formatting, setFormatting] = useState(false);
  const [recording, setRecording] = useState(false);
  const [scheduling, setScheduling] = useState(false);
  const [dragging, setDragging] = useState(false);
  const list = useId();
  const label = model.threadId ? t("composer.thread") : t("composer.label", { name: details.name });

  useLayoutEffect(() => {
    const box = area.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, window.innerHeight * 0.4)}px`;
  }, [text, recording]);

  useEffect(() => {
    if (caret.turn === 0 || !area.current) return;
    area.current.focus();
    if (caret.at >= 0) area.current.setSelectionRange(caret.at, caret.at);
  }, [caret]);

  const selection = (): [number, number] => [
    area.current?.selectionStart ?? text.length,
    area.current?.selectionEnd ?? text.length,
  ];
  const send = (sure = false, at: number | null = null): void => {
    void model.send(sure, at);
    area.current?.focus();
  };
  const onKey = (event: React.KeyboardEvent): void => {
    if (event.nativeEvent.isComposing) return;
    const control = event.ctrlKey || event.metaKey;
    if (suggestions.length) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        return model.move(event.key === "ArrowDown" ? 1 : -1);
      }
      if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
        event.preventDefault();
        return model.pick(suggestions[chosen], selection()[0]);
      }
    }
    if (event.key === "Enter" && (control || (enterSends && !event.shiftKey))) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape") {
      if (model.escape()) event.stopPropagation();
    } else if (event.key === "ArrowUp" && text === "" && model.editLast()) event.preventDefault();
    else if (control && (event.key === "b" || event.key === "i" || event.key === "e")) {
      event.preventDefault();
      model.wrap({ b: "**", i: "_", e: "`" }[event.key]!, ...selection());
    }
  };
  const drop = (event: React.DragEvent): void => {
    event.preventDefault();
    setDragging(false);
    if (event.dataTransfer.files.length) void model.attach([...event.dataTransfer.files]);
  };
  const paste = (event: React.ClipboardEvent): void => {
    if (event.clipboardData.files.length) {
      event.preventDefault();
      void model.attach([...event.clipboardData.files]);
    } else if (model.paste(event.clipboardData.getData("text/plain"))) event.preventDefault();
  };
  const pick = (input: HTMLInputElement): void => {
    void model.attach([...(input.files ?? [])]);
    input.value = "";
  };

  return (
    <div
      className="composerbox"
      data-region
      tabIndex={-1}
      onDragOver={(event) => {
        event.preventDefault();
        setDragging(true);
      }}
      onDragLeave={() => setDragging(false)}
      onDrop={drop}
    >
      {uploads.length > 0 && (
        <ul className="uploads">
          {uploads.map((each) => (
            <li key={each.id}>
              <UploadRow upload={each} model={model} />
            </li>
          ))}
        </ul>
      )}
      <Problem problem={problem} />
      {scheduled.length > 0 && (
        <ul className="uploads">
          {scheduled.map((each) => (
            <li key={each.id} className="note">
              <Icon name="clock" size={18} />
              <span className="grow">{t("schedule.waiting", { when: full(each.at) })}</span>
              <button type="button" className="link" onClick={() => void model.unschedule(each.id, true)}>
                {t("schedule.now")}
              </button>
              <button type="button" className="link" onClick={() => void model.unschedule(each.id, false)}>
                {t("cancel")}
              </button>
            </li>
          ))}
        </ul>
      )}
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
        <Suggestions id={list} suggestions={suggestions} chosen={chosen} onPick={(each) => model.pick(each, selection()[0])} />
      )}
      <form
        className={dragging ? "composer dragging" : "composer"}
        aria-label={label}
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        {(reply || editing) && (
          <p className="replying">
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
        {formatting && <Formatting model={model} selection={selection} />}
        {recording ? (
          <Suspense>
            <VoiceRecorder
              onDone={(recorded) => {
                setRecording(false);
                if (recorded) void model.attachPrepared(recorded);
              }}
            />
          </Suspense>
        ) : (
          <textarea
            ref={area}
            className="box"
            rows={1}
            value={text}
            aria-label={label}
            placeholder={label}
            spellCheck
            enterKeyHint={enterSends ? "send" : "enter"}
            aria-controls={suggestions.length ? list : undefined}
            aria-activedescendant={suggestions.length ? `${list}-${chosen}` : undefined}
            aria-autocomplete="list"
            onChange={(event) => model.type(event.target.value, event.target.selectionStart)}
            onKeyDown={onKey}
            onPaste={paste}
            data-testid="composer"
          />
        )}
        {!recording && (
          <div className="bar2">
            <Menu
              label={t("composer.add")}
              icon="plus"
              className="ib s"
              choices={[
                { name: t("composer.file"), icon: "clip", run: () => file.current?.click() },
                { name: t("composer.camera"), icon: "camera", run: () => camera.current?.click() },
                ...(configuration?.features.polls !== false
                  ? [{ name: t("composer.poll"), icon: "poll" as const, run: () => room.openPoll(true) }]
                  : []),
                { name: t("composer.later"), icon: "clock", run: () => setScheduling(true) },
              ]}
            />
            <button
              type="button"
              className={formatting ? "ib s on" : "ib s"}
              aria-label={t("composer.format")}
              aria-expanded={formatting}
              onClick={() => setFormatting(!formatting)}
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
                          model.insert(emoji, ...selection());
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
              onClick={() => {
                const [from, to] = selection();
                const mark = from > 0 && !/\s/.test(text[from - 1]) ? " @" : "@";
                model.insert(mark, from, to);
                model.type(`${text.slice(0, from)}${mark}${text.slice(to)}`, from + mark.length);
              }}
            >
              <Icon name="at" />
            </button>
            <span className="grow" />
            {!text.trim() && configuration?.features.voice_messages !== false && (
              <button type="button" className="ib s" aria-label={t("composer.voice")} onClick={() => setRecording(true)}>
                <Icon name="mic" />
              </button>
            )}
            <button type="submit" className="send" aria-label={editing ? t("save") : t("send")} disabled={!text.trim()}>
              <Icon name={editing ? "check" : "send"} size={19} />
            </button>
          </div>
        )}
      </form>
      <input
        ref={file}
        type="file"
        multiple
        hidden
        aria-label={t("composer.file")}
        onChange={(event) => pick(event.target)}
        data-testid="file"
      />
      <input
        ref={camera}
        type="file"
        accept="image/*"
        capture="environment"
        hidden
        aria-label={t("composer.camera")}
        onChange={(event) => pick(event.target)}
      />
      {connection === "offline" && text.trim() && <p className="hint">{t("composer.offline")}</p>}
      {pasted !== null && (
        <Dialog
          title={t("paste.title")}
          hint={t("paste.hint", { count: pasted.length })}
          onClose={() => model.pasteAs("text", "")}
          foot={
            <>
              <button type="button" className="btn" onClick={() => model.pasteAs("text", "")}>
                {t("paste.text")}
              </button>
              <button type="button" className="btn main" onClick={() => model.pasteAs("file", t("paste.name"))}>
                {t("paste.file")}
              </button>
            </>
          }
        >
          <p className="code-sample">{pasted.slice(0, 400)}…</p>
        </Dialog>
      )}
      {scheduling && (
        <Suspense>
          <ScheduleDialog
            empty={!text.trim()}
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

function Suggestions({
  id,
  suggestions,
  chosen,
  onPick,
}: {
  id: string;
  suggestions: Suggestion[];
  chosen: number;
  onPick: (suggestion: Suggestion) => void;
}) {
  const { t } = useTranslation();
  return (
    <div className="suggestions" role="listbox" id={id} aria-label={t("composer.suggestions")}>
      {suggestions.map((each, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the keys are the text field's, which names the option that is active
        <div
          key={each.key}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === chosen}
          className="suggestion"
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onPick(each)}
        >
          {each.kind === "person" && (
            <>
              <Avatar id={each.person.id} name={each.person.name} picture={each.person.avatar} size={28} />
              <span>{each.person.name}</span>
              <span className="faint t13">{each.person.organisation}</span>
            </>
          )}
          {each.kind === "room" && (
            <>
              <Icon name="users" />
              <span>{t("composer.everyone")}</span>
            </>
          )}
          {each.kind === "emoji" && (
            <>
              <span className="e">{each.emoji}</span>
              <span>{each.name}</span>
            </>
          )}
          {each.kind === "command" && (
            <>
              <b>/{each.name}</b>
              <span className="faint t13">{t(`command.${each.name}`)}</span>
            </>
          )}
        </div>
      ))}
    </div>
  );
}

function Formatting({ model, selection }: { model: ComposerViewModel; selection: () => [number, number] }) {
  const { t } = useTranslation();
  return (
    <div className="formatting" role="toolbar" aria-label={t("composer.format")}>
      <button
        type="button"
        className="ib s"
        aria-label={t("format.bold")}
        aria-keyshortcuts="Control+B"
        onClick={() => model.wrap("**", ...selection())}
      >
        <Icon name="bold" />
      </button>
      <button
        type="button"
        className="ib s"
        aria-label={t("format.italic")}
        aria-keyshortcuts="Control+I"
        onClick={() => model.wrap("_", ...selection())}
      >
        <Icon name="italic" />
      </button>
      <button
        type="button"
        className="ib s"
        aria-label={t("format.code")}
        aria-keyshortcuts="Control+E"
        onClick={() => model.wrap("`", ...selection())}
      >
        <Icon name="code" />
      </button>
      <button type="button" className="ib s" aria-label={t("format.list")} onClick={() => model.prefix("- ", ...selection())}>
        <Icon name="list" />
      </button>
      <button type="button" className="ib s" aria-label={t("format.quote")} onClick={() => model.prefix("> ", ...selection())}>
        <Icon name="quote" />
      </button>
      <span className="t12 faint">{t("format.hint")}</span>
    </div>
  );
}

function UploadRow({ upload, model }: { upload: Upload; model: ComposerViewModel }) {
  const { t } = useTranslation();
  const percent = upload.size ? Math.min(100, Math.round((upload.sent / upload.size) * 100)) : 0;
  return (
    <div className="card wide">
      <span className="ficon">
        <Icon name="doc" size={22} />
      </span>
      <div className="grow min0">
        <p className="strong cut">{upload.name}</p>
        {upload.state === "sending" && (
          <>
            <div
              className="progress"
              role="progressbar"
              aria-label={t("upload.sending", { name: upload.name })}
              aria-valuenow={percent}
              aria-valuemin={0}
              aria-valuemax={100}
            >
              <i style={{ width: `${percent}%` }} />
            </div>
            <p className="t12 muted num">{t("upload.progress", { sent: size(upload.sent), of: size(upload.size) })}</p>
          </>
        )}
        {upload.state === "failed" && (
          <p className="t12 bad" role="alert">
            {t("upload.failed")}{" "}
            <button type="button" className="link t12 bad" onClick={() => model.retryUpload(upload.id)}>
              {t("retry")}
            </button>
          </p>
        )}
        {upload.state === "too-large" && (
          <p className="t12 bad" role="alert">
            {t("upload.tooLarge", { size: size(upload.size) })}
          </p>
        )}
      </div>
      <button
        type="button"
        className="ib s"
        aria-label={t("upload.cancel", { name: upload.name })}
        onClick={() => model.cancelUpload(upload.id)}
      >
        <Icon name="x" />
      </button>
    </div>
  );
}
