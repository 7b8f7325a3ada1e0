import { useState } from "react";
import { useTranslation } from "react-i18next";
import { GuestsViewModel, type Sponsored } from "../../viewmodels/guests";
import { PostsViewModel } from "../../viewmodels/posts";
import { ago, date } from "../format";
import { Avatar } from "../ui/avatar";
import { Dialog, DialogActions } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { Empty, Problem, Skeleton, ToConfirm } from "../ui/parts";
import { useApp, useMade, useSnapshot } from "../use";

/** Whom somebody has invited from outside. */
export function Guests() {
  const { t } = useTranslation();
  const model = useMade(GuestsViewModel, "guests");
  const { guests, invited, busy, problem } = useSnapshot(model);
  const [ending, setEnding] = useState<Sponsored | null>(null);
  return (
    <div className="stackv mt4">
      <p className="muted">{t("guests.hint")}</p>
      <Problem problem={problem} />
      {guests === null && !problem && <Skeleton rows={3} />}
      {guests?.length === 0 && !invited.length && <Empty icon="guest" title={t("guests.none")} text={t("guests.noneText")} />}
      <ul className="stackv">
        {guests?.map((each) => (
          <li key={each.user_id} className="personrow">
            <Avatar id={each.user_id} name={each.person.name} picture={each.person.avatar} />
            <span className="min0 grow">
              <span className="strong cut block">{each.person.name}</span>
              <span className="t13 muted block">{each.purpose || t("guests.noPurpose")}</span>
              <span className="t13 muted block">
                {each.has_ended
                  ? t("guests.ended", { date: date(each.ends_ts!) })
                  : each.ends_ts
                    ? t("guests.until", { date: date(each.ends_ts) })
                    : t("guests.noEnd")}
              </span>
            </span>
            {each.ends_ts && (
              <button
                type="button"
                className={each.has_ended ? "btn small main" : "btn small"}
                disabled={busy}
                onClick={() => void model.renew(each.user_id)}
              >
                {t("guests.renew")}
                <span className="sr"> {each.person.name}</span>
              </button>
            )}
            {!each.has_ended && (
              <button type="button" className="btn small danger" disabled={busy} onClick={() => setEnding(each)}>
                {t("guests.end")}
                <span className="sr"> {each.person.name}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      {invited.length > 0 && (
        <section aria-label={t("guests.waiting")}>
          <h2 className="h">{t("guests.waiting")}</h2>
          <ul className="stackv">
            {invited.map((each) => (
              <li key={each.address} className="row g3">
                <Icon name="mail" />
                <span className="min0">
                  <span className="strong block anywhere">{each.address}</span>
                  <span className="t13 muted block">{each.purpose}</span>
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {ending && (
        <Dialog
          alert
          title={t("guests.endTitle", { name: ending.person.name })}
          hint={t("guests.endHint")}
          onClose={() => setEnding(null)}
          foot={
            <DialogActions
              go={t("guests.end")}
              danger
              onGo={() => {
                void model.end(ending.user_id);
                setEnding(null);
              }}
              onCancel={() => setEnding(null)}
            />
          }
        >
          <p className="muted">{ending.purpose}</p>
        </Dialog>
      )}
    </div>
  );
}

/** Accounts of a post, which somebody may hold. */
export function Posts() {
  const { t } = useTranslation();
  const app = useApp();
  const model = useMade(PostsViewModel, "posts", app.changeTo);
  const { posts, confirm, busy, problem } = useSnapshot(model);
  const [taking, setTaking] = useState<string | null>(null);
  const chosen = posts?.find((each) => each.post.user_id === taking);
  const close = () => {
    setTaking(null);
    model.forgo();
  };
  return (
    <div className="stackv mt4">
      <p className="muted">{t("posts.hint")}</p>
      <Problem problem={problem} />
      {posts === null && !problem && <Skeleton rows={2} />}
      {posts?.length === 0 && <Empty icon="admin" title={t("posts.none")} text={t("posts.noneText")} />}
      <ul className="stackv">
        {posts?.map(({ post, person, holder }) => (
          <li key={post.user_id} className="personrow">
            <Avatar id={person.id} name={person.name} picture={null} square />
            <span className="min0 grow">
              <span className="strong cut block">{person.name}</span>
              <span className="t13 muted block">
                {holder ? t("posts.held", { name: holder.name, when: ago(post.since_ts!) }) : t("posts.free")}
              </span>
            </span>
            <button type="button" className="btn small" disabled={busy} onClick={() => setTaking(post.user_id)}>
              {t("posts.take")}
              <span className="sr"> {person.name}</span>
            </button>
          </li>
        ))}
      </ul>
      {chosen && (
        <Dialog
          alert
          title={t("posts.takeTitle", { name: chosen.person.name })}
          hint={t("posts.takeHint")}
          onClose={close}
          foot={
            <DialogActions
              go={t(confirm ? "posts.confirmed" : "posts.take")}
              disabled={busy}
              onGo={() => void model.take(chosen.post.user_id)}
              onCancel={close}
            />
          }
        >
          {chosen.holder && <p className="note warn">{t("posts.takesFrom", { name: chosen.holder.name })}</p>}
          {confirm && <ToConfirm text={t("posts.confirm")} page={confirm.page} />}
        </Dialog>
      )}
    </div>
  );
}
