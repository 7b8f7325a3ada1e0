import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { knownDevices } from "../platform/known_devices";
import { NewSignInsViewModel } from "../viewmodels/new_sign_ins";
import { accountPage, removalPage } from "../viewmodels/server_pages";
import { ago } from "./format";
import { Icon } from "./ui/icon";
import { useMade, useSnapshot } from "./use";

/** Asks of each sign-in on another device whether it was the person. */
export function NewSignIn() {
  const { t } = useTranslation();
  const model = useMade(NewSignInsViewModel, "sign-ins", knownDevices);
  const { found, others, isEnded } = useSnapshot(model);
  useEffect(() => {
    const look = (): void => void model.look(); // whoever comes back from the page that ends it
    addEventListener("focus", look);
    return () => removeEventListener("focus", look);
  }, [model]);
  return (
    <div role="alert" className="signins">
      {found ? (
        <section className="ask" aria-label={t("devices.new")}>
          <span className="ficon">
            <Icon name="mobile" />
          </span>
          <div className="grow min0">
            <h2>{t("devices.new")}</h2>
            <p className="t13">
              {found.name}
              {found.lastSeen ? `, ${ago(found.lastSeen)}` : ""}. {others > 0 && t("signIns.more", { count: others })}
            </p>
          </div>
          <a
            className="btn danger"
            href={removalPage(found.id)}
            target="_blank"
            rel="noreferrer"
            onClick={() => model.notMine(found.id)}
          >
            {t("devices.notMe")}
          </a>
          <button type="button" className="btn" onClick={() => void model.mine(found.id)}>
            {t("signIns.mine")}
          </button>
        </section>
      ) : isEnded ? (
        <section className="ask" aria-label={t("signIns.ended")}>
          <div className="grow min0">
            <h2>{t("signIns.ended")}</h2>
            <p className="t13">{t("signIns.endedText")}</p>
          </div>
          <a className="btn main" href={accountPage()} target="_blank" rel="noreferrer" onClick={model.dismiss}>
            {t("signIns.password")}
          </a>
          <button type="button" className="btn quiet" onClick={model.dismiss}>
            {t("later")}
          </button>
        </section>
      ) : null}
    </div>
  );
}
