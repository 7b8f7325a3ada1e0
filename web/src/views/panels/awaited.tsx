import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { MembersViewModel } from "../../viewmodels/members";
import { date } from "../format";
import { Dialog, DialogActions } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { useMain } from "../use";

type Waiting = ReturnType<MembersViewModel["snapshot"]>["awaited"];

/** Who was invited by an address and has not come yet: by whom, what for, until when. */
export function AwaitedPeople({
  awaited,
  may,
  busy,
  model,
}: {
  awaited: Waiting;
  may: boolean;
  busy: boolean;
  model: MembersViewModel;
}) {
  const { t } = useTranslation();
  const main = useMain();
  const [asking, setAsking] = useState<Waiting[number] | null>(null);
  const again = async ({ token, address }: Waiting[number]): Promise<void> => {
    if (await model.sendAgain(token)) main.say("awaited.sent", { name: address });
  };
  return (
    <section aria-label={t("awaited.title")}>
      <h3 className="sect">
        {t("awaited.title")} · {awaited.length}
      </h3>
      <ul>
        {awaited.map((each) => (
          <li key={each.token} className="personrow awaited">
            <span className="ficon small">
              <Icon name="mail" size={18} />
            </span>
            <span className="min0 grow">
              <span className="strong block anywhere">{each.address}</span>
              <span className="t13 muted block">{t("awaited.by", { name: each.by.name })}</span>
              {each.purpose !== null && (
                <span className="t13 muted block anywhere">{t("awaited.for", { purpose: each.purpose })}</span>
              )}
              {each.endsTs !== null && (
                <span className="t13 muted block">{t("awaited.until", { date: date(each.endsTs) })}</span>
              )}
              {may && (
                <span className="row g2 mt2 wrap">
                  <button type="button" className="btn small" disabled={busy} onClick={() => void again(each)}>
                    {t("awaited.again")}
                    <span className="sr"> {each.address}</span>
                  </button>
                  <button type="button" className="btn small danger" disabled={busy} onClick={() => setAsking(each)}>
                    {t("awaited.withdraw")}
                    <span className="sr"> {each.address}</span>
                  </button>
                </span>
              )}
            </span>
          </li>
        ))}
      </ul>
      {asking && (
        <Dialog
          alert
          title={t("awaited.withdrawTitle")}
          hint={t("awaited.withdrawHint", { name: asking.address })}
          onClose={() => setAsking(null)}
          foot={
            <DialogActions
              go={t("awaited.withdraw")}
              danger
              onGo={() => {
                void model.withdraw(asking.token);
                setAsking(null);
              }}
              onCancel={() => setAsking(null)}
            />
          }
        >
          {asking.purpose !== null && <p className="muted">{t("awaited.for", { purpose: asking.purpose })}</p>}
        </Dialog>
      )}
    </section>
  );
}
