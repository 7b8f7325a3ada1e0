/** An order that asks for an answer: its card, the answers, who has not given one. */

import "../styles/order.css";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item, OrderAnswer, OrderContent, OrderState } from "../matrix/types";
import { isTakenBack } from "../viewmodels/order_ladder";
import { MOST_WORDS, OrderViewModel, tally, waiting } from "../viewmodels/orders";
import type { RoomViewModel } from "../viewmodels/room";
import { time } from "./format";
import { LadderShown, NextStep } from "./order_ladder";
import { answerLine, liftedLine } from "./order_log_words";
import { useSight } from "./order_sight";
import { Avatar } from "./ui/avatar";
import { Dialog } from "./ui/dialog";
import { Form } from "./ui/form";
import { Icon } from "./ui/icon";
import { Field, Problem } from "./ui/parts";
import { useOwned, useSnapshot } from "./use";

const STATES: readonly OrderState[] = ["received", "doing", "cannot"];

export function OrderCard({ item, content, room }: { item: Item; content: OrderContent; room: RoomViewModel }) {
  const { t } = useTranslation();
  const model = useOwned(() => room.make(OrderViewModel, item.eventId), item.eventId);
  const { problem } = useSnapshot(model);
  const sight = useSight<HTMLElement>(item.eventId);
  const [isFollowing, setFollowing] = useState(false);
  useEffect(() => model.settle(item), [model, item]);
  const count = tally(content);
  const isOver = isTakenBack(content) || count.none === 0;
  const due = content.due === null ? t("order.title") : t("order.due", { time: time(content.due) });
  const progress =
    count.none === 0
      ? t("order.all", { count: count.all })
      : t("order.progress", { done: count.all - count.none, of: count.all });
  const said = STATES.filter((each) => count[each] > 0).map((each) => t(`order.count.${each}`, { count: count[each] }));
  return (
    <section className={isOver ? "ordc over" : "ordc"} aria-label={due} ref={sight}>
      <p className="ordhead">
        <Icon name="flag" size={18} />
        <span className="grow">{content.lifted ? t("order.lifted") : content.edited === null ? due : t("order.edited")}</span>
        <span>{progress}</span>
      </p>
      <div className="ordbody">
        <p className="ordtext">{content.edited ?? content.text}</p>
        {content.edited !== null && <p className="muted">{t("order.editedHint", { text: content.text })}</p>}
        {content.lifted && <p className="muted">{t("order.liftedFor", { reason: content.lifted.reason })}</p>}
        {content.asksMe && !isTakenBack(content) && <Answering item={item} content={content} model={model} />}
        {content.asksMe && <NextStep steps={model.ladder(content)} content={content} />}
        <p className="row g3 wrap t13 muted">
          <span className="grow">{said.length ? said.join(", ") : t("order.sentTo", { count: count.all })}</span>
          <button type="button" className="link" onClick={() => setFollowing(true)}>
            {t("order.follow")}
          </button>
        </p>
        <Problem problem={problem} />
      </div>
      {isFollowing && <Following item={item} content={content} model={model} onClose={() => setFollowing(false)} />}
    </section>
  );
}

function Answering({ item, content, model }: { item: Item; content: OrderContent; model: OrderViewModel }) {
  const { t } = useTranslation();
  const { reason, busy } = useSnapshot(model);
  const [isChanging, setChanging] = useState(false);
  const answer = async (state: OrderState): Promise<void> => {
    const words = reason?.trim() ? ` : ${reason.trim()}` : "";
    const line = answerLine(t, content.text, state, reason?.trim() ?? "");
    if (await model.answer(state, t(`order.answer.${state}`) + (state === "cannot" ? words : ""), line)) setChanging(false);
  };
  if (content.mine && !isChanging && content.mine !== "received")
    return (
      <p className="row g2" role="status">
        <Icon name={content.mine === "cannot" ? "x" : "check"} size={18} />
        <b className="grow">{t(`order.mine.${content.mine}`)}</b>
        <button type="button" className="link" onClick={() => setChanging(true)}>
          {t("order.change")}
        </button>
      </p>
    );
  if (reason !== null)
    return (
      <Form
        className="ordwhy"
        onSubmit={(event) => {
          event.preventDefault();
          void answer("cannot");
        }}
      >
        <Field label={t("order.why")} value={reason} maxLength={MOST_WORDS} onText={model.write} autoFocus required />
        <div className="row g2">
          <button type="submit" className="btn main" disabled={busy || !reason.trim()}>
            {t("order.sendWhy")}
          </button>
          <button type="button" className="btn quiet" onClick={() => model.write(null)}>
            {t("cancel")}
          </button>
        </div>
      </Form>
    );
  const left = STATES.filter((each) => each !== "received" || !content.mine);
  return (
    <div className="ordacts" role="group" aria-label={t("order.answers")}>
      {content.mine === "received" && (
        <p className="row g2" role="status">
          <Icon name="check" size={18} />
          {t("order.mine.received")}
        </p>
      )}
      {left.map((each, index) => (
        <button
          key={each}
          type="button"
          className={index === 0 ? "btn main" : "btn"}
          disabled={busy || item.state !== "sent"}
          onClick={() => (each === "cannot" ? model.write("") : void answer(each))}
        >
          {t(`order.act.${each}`)}
        </button>
      ))}
    </div>
  );
}

interface Follow {
  item: Item;
  content: OrderContent;
  model: OrderViewModel;
  onClose: () => void;
}

function Following({ item, content, model, onClose }: Follow) {
  const { t } = useTranslation();
  const { lifting, busy, problem } = useSnapshot(model);
  const [isReminded, setReminded] = useState(false);
  const count = tally(content);
  const left = waiting(content);
  const remind = async (): Promise<void> =>
    setReminded(await model.remind(content, t("order.reminder", { text: content.text })));
  const lift = async (): Promise<void> => {
    const why = lifting?.trim() ?? "";
    if (await model.lift(t("order.liftedFor", { reason: why }), liftedLine(t, content.text, why))) onClose();
  };
  const isOpen = item.mine && !isTakenBack(content);
  return (
    <Dialog title={t("order.following")} hint={content.text.slice(0, 140)} onClose={onClose}>
      <p className="sr" role="status">
        {t("order.progress", { done: count.all - count.none, of: count.all })}
      </p>
      <ul className="ordtally">
        {([...STATES, "none"] as const).map((each) => (
          <li key={each} className={each === "none" && count.none > 0 ? "waits" : undefined}>
            <b>{count[each]}</b>
            {t(`order.tally.${each}`)}
          </li>
        ))}
      </ul>
      <ul className="ordpeople">
        {content.answers.map((each) => (
          <Answer key={each.person.id} answer={each} />
        ))}
      </ul>
      <LadderShown steps={model.ladder(content)} given={item.ts} />
      <Problem problem={problem} />
      {isOpen && lifting === null && (
        <div className="row g2 wrap mt4">
          {left.length > 0 && (
            <button
              type="button"
              className="btn main grow"
              aria-disabled={isReminded || undefined} // the hands stay on it
              onClick={() => !isReminded && void remind()}
            >
              {isReminded ? t("order.reminded") : t("order.remind", { count: left.length })}
            </button>
          )}
          <button type="button" className="btn" onClick={() => model.writeLift("")}>
            {t("order.lift")}
          </button>
        </div>
      )}
      {isOpen && lifting !== null && (
        <div className="mt4">
          <Field label={t("order.liftWhy")} value={lifting} maxLength={MOST_WORDS} onText={model.writeLift} autoFocus />
          <div className="row g2">
            <button type="button" className="btn dangerfill" disabled={busy || !lifting.trim()} onClick={() => void lift()}>
              {t("order.lift")}
            </button>
            <button type="button" className="btn quiet" onClick={() => model.writeLift(null)}>
              {t("cancel")}
            </button>
          </div>
        </div>
      )}
    </Dialog>
  );
}

function Answer({ answer: { person, state, text, ts, instead } }: { answer: OrderAnswer }) {
  const { t } = useTranslation();
  return (
    <li className="row g3">
      <Avatar id={person.id} name={person.name} picture={person.avatar} size={32} />
      <span className="min0 grow">
        <span className="cut strong block">{person.name}</span>
        <span className="t13 muted anywhere">
          {instead && `${t("order.insteadOf")} · `}
          {t(`order.said.${state ?? "none"}`)}
          {ts !== null && `, ${time(ts)}`}
          {text && ` · ${text}`}
        </span>
      </span>
    </li>
  );
}
