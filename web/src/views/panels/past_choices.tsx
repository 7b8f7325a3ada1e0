import { useTranslation } from "react-i18next";
import type { InvitingViewModel, PastChoice } from "../../viewmodels/inviting";
import { Icon } from "../ui/icon";
import { WhenField } from "../ui/when_field";
import { useSnapshot } from "../use";

const CHOICES: PastChoice[] = ["none", "since", "all"];

/** How much of what was said before those who are invited will read; where nothing can be opened, why. */
export function PastChoices({ model }: { model: InvitingViewModel }) {
  const { t } = useTranslation();
  const { past, since, pastFixed, missing } = useSnapshot(model);
  if (pastFixed)
    return (
      <p className="note mt3">
        <Icon name="lock" size={18} />
        <span>
          <b>{t("past.none")}.</b> {t(`past.fixed.${pastFixed}`)}
        </span>
      </p>
    );
  return (
    <>
      <fieldset className="pastchoice">
        <legend className="label">{t("past.legend")}</legend>
        {CHOICES.map((each) => (
          <label key={each} className="choice">
            <span>
              <b>{t(`past.${each}`)}</b>
              <small>{t(`past.${each}Text`)}</small>
            </span>
            <input type="radio" name="past" checked={past === each} onChange={() => model.setPast(each)} />
          </label>
        ))}
        {past === "since" && (
          <WhenField
            what="moment"
            label={t("past.moment")}
            value={since}
            max={model.latest}
            onValue={model.setSince}
            error={missing === "since" ? t("invite.missing.since") : null}
          />
        )}
      </fieldset>
      {past !== "none" && (
        <p className="note info mt3">
          <Icon name="info" size={18} />
          <span>{t("past.told")}</span>
        </p>
      )}
    </>
  );
}
