/** What happens to an order while somebody has not answered: as it is chosen, and as it stands. */

import { useTranslation } from "react-i18next";
import type { Member, OrderContent, StepKind } from "../matrix/types";
import { AFTER, type DraftStep, MOST_STEPS, type ShownStep } from "../viewmodels/order_ladder";
import type { OrderDraftViewModel } from "../viewmodels/orders";
import { time } from "./format";
import { Icon } from "./ui/icon";
import { useSnapshot } from "./use";

export function LadderFields({ model }: { model: OrderDraftViewModel }) {
  const { t } = useTranslation();
  const { steps } = useSnapshot(model);
  return (
    <fieldset className="ordto">
      <legend className="strong">{t("order.unanswered")}</legend>
      <p className="hint">{steps.length ? t("order.ladder") : t("order.noLadder")}</p>
      {steps.length > 0 && (
        <ol className="ordsteps">
          {steps.map((step, at) => (
            <StepFields key={at} step={step} at={at} model={model} />
          ))}
        </ol>
      )}
      {steps.length < MOST_STEPS && (
        <div>
          <button type="button" className="link" onClick={model.addStep}>
            {t("order.addStep")}
          </button>
        </div>
      )}
    </fieldset>
  );
}

function StepFields({ step, at, model }: { step: DraftStep; at: number; model: OrderDraftViewModel }) {
  const { t } = useTranslation();
  const { members, mails } = useSnapshot(model);
  const kinds: StepKind[] = mails || step.by === "mail" ? ["remind", "mail", "ask"] : ["remind", "ask"];
  const n = { number: String(at + 1) };
  return (
    <li>
      <select
        aria-label={t("order.stepWhen", n)}
        value={step.minutes}
        onChange={(event) => model.setStep(at, { minutes: Number(event.target.value) })}
      >
        {AFTER.map((each) => (
          <option key={each} value={each}>
            {t("order.after", { seconds: each * 60 })}
          </option>
        ))}
      </select>
      <select
        aria-label={t("order.stepWhat", n)}
        value={step.by}
        onChange={(event) => model.setStep(at, { by: event.target.value as StepKind })}
      >
        {kinds.map((each) => (
          <option key={each} value={each}>
            {t(`order.step.${each}`)}
          </option>
        ))}
      </select>
      <button type="button" className="ib" aria-label={t("order.removeStep", n)} onClick={() => model.removeStep(at)}>
        <Icon name="x" size={18} />
      </button>
      {step.by === "ask" && <Whom step={step} members={members} onWho={(who) => model.setStep(at, { who })} />}
    </li>
  );
}

function Whom({ step, members, onWho }: { step: DraftStep; members: Member[]; onWho: (who: string | null) => void }) {
  const { t } = useTranslation();
  return (
    <select
      className="ordwhom"
      aria-label={t("order.instead")}
      value={step.who ?? ""}
      onChange={(event) => onWho(event.target.value || null)}
    >
      <option value="">{t("order.chooseInstead")}</option>
      {members.map((each) => (
        <option key={each.id} value={each.id}>
          {each.name}
        </option>
      ))}
    </select>
  );
}

const ICONS = { done: "check", next: "clock", later: "clock", off: "x", missed: "x" } as const;

/** As whoever gave it sees it. */
export function LadderShown({ steps, given }: { steps: ShownStep[]; given: number }) {
  const { t } = useTranslation();
  if (!steps.length) return null;
  return (
    <section className="mt4" aria-label={t("order.then")}>
      <h3 className="t13 strong muted">{t("order.then")}</h3>
      <ol className="ordrungs">
        <li className="done">
          <Icon name="check" size={18} />
          <time>{time(given)}</time>
          <span>{t("order.rung.sent")}</span>
        </li>
        {steps.map(({ step, state, minutes }) => (
          <li key={`${step.at} ${step.by} ${step.who?.id}`} className={state}>
            <Icon name={ICONS[state]} size={18} />
            <time>{time(step.done?.ts ?? step.at)}</time>
            <span className="anywhere">
              {t(`order.rung.${step.by}`, { name: step.who?.name ?? "" })}
              <span className="block t13 muted">
                {step.done && step.by !== "ask"
                  ? t("order.rung.to", { people: step.done.people.map((each) => each.name).join(", ") })
                  : t(`order.rung.${state}`, { seconds: Math.max(minutes, 1) * 60 })}
              </span>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** As somebody sees it who has not answered yet. */
export function NextStep({ steps, content }: { steps: ShownStep[]; content: OrderContent }) {
  const { t } = useTranslation();
  const next = steps.find((each) => each.state === "next")?.step;
  if (!next || content.mine !== null) return null;
  return <p className="t13 muted">{t(`order.unless.${next.by}`, { time: time(next.at), name: next.who?.name ?? "" })}</p>;
}
