/** A playbook: the plan on one side, the log on the other; on a small screen one of both. */

import "../styles/playbook.css";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Playbook, PlaybookStep } from "../matrix/playbooks";
import type { RoomDetails } from "../matrix/types";
import { counts, late, PlaybookViewModel, phases, unowned } from "../viewmodels/playbooks";
import type { RoomViewModel } from "../viewmodels/room";
import { useArrival } from "./hands/arrive";
import { Progress } from "./playbook_card";
import { PlaybookEnd } from "./playbook_close";
import { PlaybookLog } from "./playbook_log";
import { StepDialog, StepRow } from "./playbook_step";
import { asMessage, doneWords, when } from "./playbook_words";
import { Form } from "./ui/form";
import { Icon } from "./ui/icon";
import { Empty, Field, Problem, Segmented, Skeleton } from "./ui/parts";
import { useMedia, useOwned, useSnapshot } from "./use";

interface Props {
  id: string;
  room: RoomViewModel;
  details: RoomDetails;
}

export function PlaybookPage({ id, room, details }: Props) {
  const { t } = useTranslation();
  const model = useOwned(() => room.make(PlaybookViewModel, id), id);
  const { book, loading, problem } = useSnapshot(model);
  const isNarrow = useMedia("(max-width: 1023px)");
  const [part, setPart] = useState<"log" | "plan">("log");
  const place = useArrival<HTMLDivElement>(`${book === null}`);
  if (!book) return loading ? <Skeleton /> : <Empty icon="list" title={t("playbook.gone")} text={t("playbook.goneText")} />;
  return (
    <div className="playbook" data-region tabIndex={-1} ref={place}>
      <Summary book={book} model={model}>
        <PlaybookEnd book={book} room={room} name={details.name} maySend={details.may.send} />
      </Summary>
      <Problem problem={problem} />
      {isNarrow && (
        <Segmented
          label={t("playbook.part")}
          value={part}
          options={[
            ["log", t("playbook.log")],
            ["plan", t("playbook.actions")],
          ]}
          onChange={setPart}
        />
      )}
      <div className="pbcols">
        {(!isNarrow || part === "plan") && <Plan book={book} model={model} maySend={details.may.send} />}
        {(!isNarrow || part === "log") && <PlaybookLog book={book} model={model} maySend={details.may.send} />}
      </div>
    </div>
  );
}

function Summary({ book, model, children }: { book: Playbook; model: PlaybookViewModel; children: React.ReactNode }) {
  const { t } = useTranslation();
  const { now } = useSnapshot(model);
  const { done, all } = counts(book.steps);
  const behind = late(book.steps, now).length;
  const free = unowned(book.steps).length;
  return (
    <>
      <div className="pbsum">
        <h2 className="cut">{book.title}</h2>
        <Progress done={done} all={all} />
        {!book.closed && behind > 0 && (
          <span className="tag danger">
            <Icon name="clock" size={13} />
            {t("playbook.late", { count: behind })}
          </span>
        )}
        {!book.closed && free > 0 && (
          <span className="tag warn">
            <Icon name="user" size={13} />
            {t("playbook.unowned", { count: free })}
          </span>
        )}
        {children}
      </div>
      {book.locked > 0 && <p className="banner info">{t("playbook.locked", { count: book.locked })}</p>}
      {book.closed && (
        <p className="banner info">
          <Icon name="archive" size={18} />
          <span className="grow">{t("playbook.closedBy", { name: book.closed.by.name, time: when(book.closed.ts) })}</span>
        </p>
      )}
    </>
  );
}

function Plan({ book, model, maySend }: { book: Playbook; model: PlaybookViewModel; maySend: boolean }) {
  const { t } = useTranslation();
  const { adding } = useSnapshot(model);
  const [opened, setOpened] = useState<string | null>(null);
  const isOpen = maySend && !book.closed;
  const step: PlaybookStep | undefined = book.steps.find((each) => each.id === opened);
  const add = (): void => {
    const text = adding?.text.trim() ?? "";
    void model.addStep(asMessage(t, book.title, doneWords(t, { kind: "add", text }, "")));
  };
  const parts = phases(book.steps);
  return (
    <section className="pbplan" aria-label={t("playbook.actions")}>
      <h3 className="pbct">
        <span className="grow">{t("playbook.actions")}</span>
        {isOpen && book.mayLead && (
          <button
            type="button"
            className="ib s"
            aria-label={t("playbook.add")}
            onClick={() => model.add({ phase: parts.at(-1)?.phase ?? "", text: "" })}
          >
            <Icon name="plus" />
          </button>
        )}
      </h3>
      {adding && isOpen && (
        <Form
          className="pbadd"
          onSubmit={(event) => {
            event.preventDefault();
            add();
          }}
        >
          <Field
            label={t("playbook.newStep")}
            value={adding.text}
            maxLength={200}
            autoFocus
            onKeyDown={(event) => {
              if (event.key !== "Escape") return;
              event.stopPropagation(); // it leaves the field, not the plan
              model.add(null);
            }}
            onText={(text) => model.add({ ...adding, text })}
          />
          {parts.length > 1 && (
            <select
              aria-label={t("playbook.phase")}
              value={adding.phase}
              onChange={(event) => model.add({ ...adding, phase: event.target.value })}
            >
              {parts.map(({ phase }) => (
                <option key={phase} value={phase}>
                  {phase || t("playbook.noPhase")}
                </option>
              ))}
            </select>
          )}
          <div className="row g2">
            <button type="submit" className="btn main" disabled={!adding.text.trim()}>
              {t("add")}
            </button>
            <button type="button" className="btn quiet" onClick={() => model.add(null)}>
              {t("cancel")}
            </button>
          </div>
        </Form>
      )}
      {parts.map(({ phase, steps, done, all }) => (
        <div key={phase}>
          {phase && (
            <h4 className="pbphase">
              {phase} <span>{t("playbook.of", { done, all })}</span>
            </h4>
          )}
          <ul aria-label={phase || t("playbook.actions")}>
            {steps.map((each) => (
              <StepRow key={each.id} step={each} book={book} model={model} isOpen={isOpen} onOpen={() => setOpened(each.id)} />
            ))}
          </ul>
        </div>
      ))}
      {step && <StepDialog step={step} book={book} model={model} onClose={() => setOpened(null)} />}
    </section>
  );
}
