/** A playbook in the conversation: how far it is, and the way to it. */

import "../styles/playbook.css";
import { useTranslation } from "react-i18next";
import type { Item, PlaybookContent } from "../matrix/types";
import { Icon } from "./ui/icon";
import { useMain } from "./use";

export function PlaybookCard({ item, content }: { item: Item; content: PlaybookContent }) {
  const { t } = useTranslation();
  const main = useMain();
  const { title, done, all, isClosed } = content;
  return (
    <section className="pbcard" aria-label={t("playbook.called", { title })}>
      <p className="pbhead">
        <Icon name="list" size={18} />
        <b className="grow anywhere">{title}</b>
        {isClosed && <span className="tag">{t("playbook.closed")}</span>}
      </p>
      <Progress done={done} all={all} />
      <button
        type="button"
        className="btn"
        disabled={item.state !== "sent"}
        onClick={() => main.openPanel({ name: "playbook", id: item.eventId })}
      >
        {t("playbook.open")}
      </button>
    </section>
  );
}

export function Progress({ done, all }: { done: number; all: number }) {
  const { t } = useTranslation();
  return (
    <span className="pbprog">
      <span className="progress" aria-hidden="true">
        <span style={{ width: `${all ? Math.round((done / all) * 100) : 0}%` }} />
      </span>
      <span className="num">{t("playbook.progress", { done, all })}</span>
    </span>
  );
}
