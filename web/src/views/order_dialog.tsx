/** A new order: what, to whom, until when an answer is awaited. */

import { useId } from "react";
import { useTranslation } from "react-i18next";
import { DUES, MOST_TEXT, OrderDraftViewModel, type OrderWords } from "../viewmodels/orders";
import type { RoomViewModel } from "../viewmodels/room";
import { time } from "./format";
import { LadderFields } from "./order_ladder";
import { givenLine } from "./order_log_words";
import { Avatar } from "./ui/avatar";
import { Dialog, DialogActions } from "./ui/dialog";
import { Problem, SearchBox } from "./ui/parts";
import { useOwned, useSnapshot } from "./use";

export function OrderDialog({ room, onClose }: { room: RoomViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const model = useOwned(() => room.make(OrderDraftViewModel), room.id);
  const { text, minutes, members, shown, chosen, filter, isAsking, isUnheld, busy, problem } = useSnapshot(model);
  const missing = model.missing();
  const give = async (): Promise<void> => {
    const words: OrderWords = {
      body: (said, due) =>
        due === null ? t("order.body", { text: said }) : t("order.bodyDue", { text: said, time: time(due) }),
      log: (said, due, count) => givenLine(t, said, due, count),
      step: (said, { by }, name) => t(by === "ask" ? "order.asksInstead" : "order.reminder", { text: said, name }),
    };
    if (await model.give(words)) onClose();
  };
  return (
    <Dialog
      title={t("order.new")}
      hint={t("order.newHint")}
      onClose={onClose}
      foot={
        isUnheld ? (
          <button type="button" className="btn main" data-next onClick={onClose}>
            {t("close")}
          </button>
        ) : (
          <DialogActions
            go={isAsking ? t("order.giveMany", { count: chosen.size }) : t("order.give", { count: chosen.size })}
            danger={isAsking}
            disabled={busy}
            missing={missing && t(missing)}
            onGo={() => void give()}
            onCancel={onClose}
          />
        )
      }
    >
      <div className="stackv">
        <div className="field">
          <label htmlFor={id}>{t("order.text")}</label>
          <textarea
            id={id}
            className="input"
            rows={3}
            required
            maxLength={MOST_TEXT}
            value={text}
            data-next
            onChange={(event) => model.setText(event.target.value)}
          />
        </div>
        <div className="field">
          <label htmlFor={`${id}-due`}>{t("order.when")}</label>
          <select id={`${id}-due`} value={minutes} onChange={(event) => model.setMinutes(Number(event.target.value))}>
            {DUES.map((each) => (
              <option key={each} value={each}>
                {each === 0 ? t("order.noDue") : t("order.dueIn", { seconds: each * 60 })}
              </option>
            ))}
          </select>
        </div>
        <fieldset className="ordto">
          <legend className="strong">{t("order.to", { chosen: chosen.size, of: members.length })}</legend>
          {members.length > 8 && <SearchBox label={t("members.filter")} value={filter} onText={model.setFilter} />}
          <label className="row g3">
            <input
              type="checkbox"
              className="box"
              checked={chosen.size === members.length && members.length > 0}
              onChange={(event) => model.toggleAll(event.target.checked)}
            />
            {t("order.everybody")}
          </label>
          <ul className="ordpeople">
            {shown.slice(0, 500).map((each) => (
              <li key={each.id}>
                <label className="row g3">
                  <input type="checkbox" className="box" checked={chosen.has(each.id)} onChange={() => model.toggle(each.id)} />
                  <Avatar id={each.id} name={each.name} picture={each.avatar} size={28} />
                  <span className="cut">{each.name}</span>
                </label>
              </li>
            ))}
          </ul>
        </fieldset>
        <LadderFields model={model} />
        {isUnheld && (
          <p className="note warn" role="alert">
            {t("order.unheld")}
          </p>
        )}
        {isAsking && (
          <p className="note warn" role="alert">
            {t("order.sure", { count: chosen.size })}
          </p>
        )}
        <Problem problem={problem} />
      </div>
    </Dialog>
  );
}
