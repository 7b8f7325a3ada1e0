/** The log: what was done and what was written, each with its time and author. Nothing is taken away; a correction strikes what it corrects. */

import { Fragment, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Playbook, PlaybookEntry } from "../matrix/playbooks";
import { MOST_ENTRY, matching, type PlaybookViewModel } from "../viewmodels/playbooks";
import { full } from "./format";
import type { IconName } from "./icons";
import { asMessage, entryWords, when } from "./playbook_words";
import { Form } from "./ui/form";
import { Icon } from "./ui/icon";
import { SearchBox } from "./ui/parts";
import { useSnapshot } from "./use";

const ICONS: Record<PlaybookEntry["kind"], IconName> = {
  start: "flag",
  state: "check",
  owner: "user",
  due: "clock",
  add: "plus",
  entry: "edit",
  correct: "edit",
  close: "archive",
  reopen: "archive",
};

export function PlaybookLog({ book, model, maySend }: { book: Playbook; model: PlaybookViewModel; maySend: boolean }) {
  const { t } = useTranslation();
  const { entry, filter, shown, correcting } = useSnapshot(model);
  const [isSeeking, setSeeking] = useState(false);
  const end = useRef<HTMLDivElement>(null);
  const found = matching(book.log, filter, (each) => entryWords(t, each));
  const drawn = found.slice(-shown);
  const count = book.log.length;
  useEffect(() => {
    if (count) end.current?.scrollTo({ top: end.current.scrollHeight });
  }, [count]);
  return (
    <section className="pblog" aria-label={t("playbook.log")}>
      <h3 className="pbct">
        <span className="grow">{t("playbook.log")}</span>
        <button
          type="button"
          className="ib s"
          aria-label={t("playbook.seek")}
          aria-expanded={isSeeking}
          onClick={() => {
            setSeeking(!isSeeking);
            model.setFilter("");
          }}
        >
          <Icon name="search" />
        </button>
      </h3>
      {isSeeking && (
        <div className="pbseek">
          <SearchBox label={t("playbook.seek")} value={filter} onText={model.setFilter} />
        </div>
      )}
      <div className="pblines" role="log" aria-label={t("playbook.log")} tabIndex={0} ref={end}>
        {found.length > drawn.length && (
          <button type="button" className="link pbmore" onClick={model.showMore}>
            {t("playbook.more", { count: found.length - drawn.length })}
          </button>
        )}
        <ol>
          {drawn.map((each) => (
            <Line key={each.id} entry={each} mayCorrect={maySend && !book.closed} model={model} />
          ))}
        </ol>
        {!found.length && <p className="muted pbnone">{t("playbook.nothing")}</p>}
      </div>
      {maySend && !book.closed && !correcting && (
        <Form
          className="pbwrite"
          onSubmit={(event) => {
            event.preventDefault();
            void model.enter(asMessage(t, book.title, entry.trim()));
          }}
        >
          <Words label={t("playbook.write")} value={entry} onText={model.write} />
          <button type="submit" className="btn main" disabled={!entry.trim()}>
            {t("add")}
          </button>
        </Form>
      )}
      {correcting && (
        <Form
          className="pbwrite"
          onSubmit={(event) => {
            event.preventDefault();
            void model.enterCorrection(asMessage(t, book.title, t("playbook.log.correct", { text: correcting.text.trim() })));
          }}
        >
          <Words
            label={t("playbook.correction")}
            value={correcting.text}
            focus
            onText={(text) => model.correct({ ...correcting, text })}
            onLeave={() => model.correct(null)}
          />
          <button type="submit" className="btn main" disabled={!correcting.text.trim()}>
            {t("playbook.correct")}
          </button>
          <button type="button" className="btn quiet" onClick={() => model.correct(null)}>
            {t("cancel")}
          </button>
        </Form>
      )}
    </section>
  );
}

interface WordsProps {
  label: string;
  value: string;
  focus?: boolean;
  onText: (text: string) => void;
  onLeave?: () => void;
}

/** Escape takes nothing away that was written. */
function Words({ label, value, focus, onText, onLeave }: WordsProps) {
  return (
    <div className="input grow">
      <input
        aria-label={label}
        placeholder={label}
        value={value}
        maxLength={MOST_ENTRY}
        autoFocus={focus}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || (!value && !onLeave)) return;
          event.stopPropagation();
          onLeave?.();
        }}
      />
    </div>
  );
}

function Line({ entry, mayCorrect, model }: { entry: PlaybookEntry; mayCorrect: boolean; model: PlaybookViewModel }) {
  const { t } = useTranslation();
  const { id, ts, kind, sender, was, corrected, isLate, text, mine } = entry;
  const words = entryWords(t, entry);
  return (
    <li className={isLate ? "pbline late" : "pbline"}>
      <time dateTime={new Date(ts).toISOString()} title={full(ts)}>
        {when(ts)}
      </time>
      <Icon name={ICONS[kind]} size={16} />
      <div className="min0">
        <p className="anywhere">
          {was.map((each, at) => (
            <Fragment key={at}>
              <s className="muted">{each}</s>{" "}
            </Fragment>
          ))}
          {words}
        </p>
        <p className="t13 muted">
          {sender.name}
          {corrected !== null && `, ${t("playbook.corrected", { time: when(corrected) })}`}
          {isLate && `, ${t("playbook.tooLate")}`}
          {kind === "entry" && mine && mayCorrect && !isLate && (
            <>
              {" · "}
              <button
                type="button"
                className="link"
                aria-label={t("playbook.correctOf", { text: text.slice(0, 80) })}
                onClick={() => model.correct({ id, text })}
              >
                {t("playbook.correct")}
              </button>
            </>
          )}
        </p>
      </div>
    </li>
  );
}
