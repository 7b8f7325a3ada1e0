import { useTranslation } from "react-i18next";
import type { ConfirmDeviceViewModel } from "../../viewmodels/confirm_device";
import { ago, date } from "../format";
import type { IconName } from "../icons";
import { Form } from "../ui/form";
import { Icon } from "../ui/icon";
import { Field, Problem, StepTitle } from "../ui/parts";
import { useSnapshot } from "../use";
import { PasskeyProblem, usePasskeyName } from "./passkey_parts";

interface Way {
  key: string;
  icon: IconName;
  name: string;
  text: string;
  go: string;
  onGo: () => void;
}

/** Every way back that there still is, the likeliest first; and the way on without. */
export function Lost({ model }: { model: ConfirmDeviceViewModel }) {
  const { t } = useTranslation();
  const ways = useWays(model);
  const { busy, problem, passkeyProblem } = useSnapshot(model);
  return (
    <>
      <StepTitle>{t("lost.title")}</StepTitle>
      <p className="lead">{t(ways.length ? "lost.lead" : "lost.nothing")}</p>
      {ways.length > 0 && (
        <ul className="ways">
          {ways.map((each, index) => (
            <li key={each.key}>
              <span className="ficon">
                <Icon name={each.icon} />
              </span>
              <span className="grow min0">
                <b className="cut">{each.name}</b>
                <span className="t13 muted">{each.text}</span>
              </span>
              <button
                type="button"
                className={index ? "btn small" : "btn small main"}
                disabled={busy}
                onClick={each.onGo}
                aria-label={`${each.go}, ${each.name}`}
              >
                {each.go}
              </button>
            </li>
          ))}
        </ul>
      )}
      <PasskeyProblem problem={passkeyProblem} />
      <Problem problem={problem} />
      <section className="nothingleft" aria-labelledby="nothingleft">
        <h2 id="nothingleft">{t("lost.none")}</h2>
        <p className="muted">{t("lost.noneText")}</p>
        <div className="row g2 wrap mt3">
          <button type="button" className="btn danger" onClick={model.toReset}>
            {t("lost.anew")}
          </button>
          <button type="button" className="btn quiet" onClick={model.back}>
            {t("back")}
          </button>
        </div>
      </section>
    </>
  );
}

function useWays(model: ConfirmDeviceViewModel): Way[] {
  const { t } = useTranslation();
  const nameOf = usePasskeyName();
  const { devices, passkeys, hasCode } = useSnapshot(model);
  const byDevice = devices.slice(0, 3).map((each) => ({
    key: each.id,
    icon: /mobile|android|iphone|x ios/i.test(each.name) ? ("mobile" as const) : ("laptop" as const),
    name: each.name,
    text: each.lastSeen ? t("lost.device", { when: ago(each.lastSeen) }) : t("lost.deviceNever"),
    go: t("lost.useDevice"),
    onGo: () => void model.useOtherDevice(),
  }));
  const byPasskey = passkeys.map((each) => ({
    key: each.id,
    icon: "passkey" as const,
    name: nameOf(each),
    text: t("lost.passkey", { date: date(each.created) }),
    go: t("lost.usePasskey"),
    onGo: () => void model.usePasskey(each.id),
  }));
  const byCode = {
    key: "code",
    icon: "key" as const,
    name: t("lost.code"),
    text: t("lost.codeText", { file: t("recovery.fileName") }),
    go: t("lost.useCode"),
    onGo: model.toCode,
  };
  return [...byDevice, ...byPasskey, ...(hasCode ? [byCode] : [])];
}

/** What beginning anew takes, leaves, and tells the others. */
export function Reset({ model }: { model: ConfirmDeviceViewModel }) {
  const { t } = useTranslation();
  const { name, isNamed } = useSnapshot(model);
  return (
    <Form
      aria-labelledby="step"
      onSubmit={(event) => {
        event.preventDefault();
        model.reset();
      }}
    >
      <StepTitle>{t("reset.title")}</StepTitle>
      <p className="lead">{t("reset.lead")}</p>
      <dl className="consequences">
        <dt>{t("reset.loses")}</dt>
        <dd>{t("reset.lose")}</dd>
        <dd>{t("reset.loseCode")}</dd>
        <dt>{t("reset.keeps")}</dt>
        <dd>{t("reset.keep")}</dd>
        <dd>{t("reset.keepOpen")}</dd>
        <dt>{t("reset.sees")}</dt>
        <dd>{t("reset.others")}</dd>
        <dd>{t("reset.reshare")}</dd>
      </dl>
      <Field
        label={t("reset.name")}
        value={name}
        onText={model.typeName}
        autoComplete="off"
        hint={t("reset.nameHint", { name: model.myName })}
      />
      <div className="row g2 mt6 wrap">
        <button type="submit" className="btn dangerfill big" disabled={!isNamed}>
          {t("reset.go")}
        </button>
        <button type="button" className="btn quiet big" onClick={model.back}>
          {t("back")}
        </button>
      </div>
    </Form>
  );
}
