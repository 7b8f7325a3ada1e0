/** The end of a playbook: its record leaves for the disk, the room says with what it is sealed; a record is checked against that. */

import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Playbook } from "../matrix/playbooks";
import { clock, isoDay } from "../platform/clock";
import { keepText } from "../platform/files";
import { type PageOf, PlaybookClosing } from "../viewmodels/playbook_closing";
import { PlaybookModelKeeper } from "../viewmodels/playbook_draft";
import type { RoomViewModel } from "../viewmodels/room";
import { moment } from "./format";
import { recordPage } from "./playbook_page";
import { asMessage } from "./playbook_words";
import { Dialog } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { Menu } from "./ui/menu";
import { Problem } from "./ui/parts";
import { useMain, useOwned, useSnapshot } from "./use";

interface Props {
  book: Playbook;
  room: RoomViewModel;
  /** How the room is called. */
  name: string;
  maySend: boolean;
}

export function PlaybookEnd({ book, room, name, maySend }: Props) {
  const { t, i18n } = useTranslation();
  const model = useOwned(() => room.make(PlaybookClosing, book.id), book.id);
  const { problem, busy, verdict } = useSnapshot(model);
  const keeper = useOwned(() => room.make(PlaybookModelKeeper), room.id);
  const { problem: unkept } = useSnapshot(keeper);
  const main = useMain();
  const [isClosing, setClosing] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const page: PageOf = (shown, made) => recordPage(t, shown, { ...made, language: i18n.language, room: name });
  const keep = (text: string | null): boolean => {
    if (text) keepText(text, t("playbook.record.file", { day: isoDay(clock.now()) }), "text/html");
    return text !== null;
  };
  const end = async (): Promise<void> => {
    const body = (digest: string): string => asMessage(t, book.title, t("playbook.record.closed", { digest }));
    if (keep(await model.end(page, body))) setClosing(false);
  };
  const copy = async (): Promise<void> => {
    if (keep(await model.copy(page))) setClosing(false);
  };
  const keepModel = async (): Promise<void> => {
    if (await keeper.keep(book)) main.say("playbook.models.kept");
  };
  const mayEnd = book.mayLead && maySend;
  return (
    <>
      <span className="row g2 end">
        {mayEnd && !book.closed && (
          <button type="button" className="btn" onClick={() => setClosing(true)}>
            <Icon name="archive" size={18} />
            {t("playbook.close")}
          </button>
        )}
        <Menu
          label={t("playbook.others")}
          choices={[
            { name: t("playbook.copy"), icon: "download", run: () => void copy() },
            { name: t("playbook.models.keep"), icon: "bookmark", run: () => void keepModel() },
            { name: t("playbook.verify"), icon: "shieldok", run: () => file.current?.click() },
            ...(mayEnd && book.closed
              ? [
                  {
                    name: t("playbook.reopen"),
                    icon: "archive" as const,
                    run: () => void model.reopen(asMessage(t, book.title, t("playbook.log.reopen"))),
                  },
                ]
              : []),
          ]}
        />
      </span>
      <input
        ref={file}
        type="file"
        accept=".html,text/html"
        hidden
        aria-label={t("playbook.verify")}
        data-testid="record"
        onChange={(event) => {
          if (event.target.files?.[0]) void model.verify(event.target.files[0]);
          event.target.value = ""; // the same file may be given again
        }}
      />
      {!isClosing && <Problem problem={problem ?? unkept} />}
      {isClosing && (
        <Dialog
          title={t("playbook.close")}
          hint={t("playbook.begunAt", { time: moment(book.log[0].ts) })}
          onClose={() => setClosing(false)}
          foot={
            <>
              <button type="button" className="btn quiet" data-safe onClick={() => setClosing(false)}>
                {t("cancel")}
              </button>
              <button type="button" className="btn" disabled={busy} onClick={() => void copy()}>
                {t("playbook.copyOnly")}
              </button>
              <button type="button" className="btn main" disabled={busy || model.waits(book)} onClick={() => void end()}>
                {t("playbook.close")}
              </button>
            </>
          }
        >
          <Before book={book} waits={model.waits(book)} />
          <Problem problem={problem} />
        </Dialog>
      )}
      {verdict && (
        <Dialog title={t("playbook.verified")} onClose={model.forget}>
          <p className={verdict.is === "sealed" || verdict.is === "events" ? "note info" : "note warn"} role="status">
            <Icon name={verdict.is === "sealed" || verdict.is === "events" ? "shieldok" : "warn"} size={18} />
            <span>
              {t(`playbook.verdict.${verdict.is}`)}
              {verdict.at !== null && ` ${t("playbook.changedAt", { number: verdict.at })}`}
              {verdict.made && ` ${t("playbook.record.made", { name: verdict.made.by, time: moment(verdict.made.at) })}`}
            </span>
          </p>
        </Dialog>
      )}
    </>
  );
}

/** What one should know before the end. */
function Before({ book, waits }: { book: Playbook; waits: boolean }) {
  const { t } = useTranslation();
  const left = book.steps.filter((each) => each.state === "todo").length;
  return (
    <div className="stackv">
      {left > 0 && (
        <p className="note warn">
          <Icon name="warn" size={18} />
          <span>{t("playbook.left", { count: left })}</span>
        </p>
      )}
      {book.locked > 0 && (
        <p className="note warn">
          <Icon name="lock" size={18} />
          <span>{t("playbook.locked", { count: book.locked })}</span>
        </p>
      )}
      {waits && (
        <p className="note warn" role="status">
          <Icon name="clock" size={18} />
          <span>{t("playbook.waits")}</span>
        </p>
      )}
      <p className="note">
        <Icon name="shieldok" size={18} />
        <span>{t("playbook.sealed")}</span>
      </p>
      <p className="note">
        <Icon name="lock" size={18} />
        <span>{t("playbook.after")}</span>
      </p>
    </div>
  );
}
