import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Farewell } from "../matrix/types";
import type { RoomViewModel } from "../viewmodels/room";
import { Timeline } from "./timeline";
import { Icon } from "./ui/icon";
import { useMain } from "./use";

/** A room that one was taken out of: by whom, why, what is left of it. What was said until then is still there, where it was open. */
export function HadToLeave({ model, farewell, back }: { model: RoomViewModel; farewell: Farewell; back: React.ReactNode }) {
  const { t } = useTranslation();
  const main = useMain();
  const { by, reason, banned } = farewell;
  const { timeline, composer, lastDetails } = model;
  return (
    <main className={timeline ? "panel" : "panel middle"} data-region tabIndex={-1} aria-label={lastDetails?.name}>
      {timeline && lastDetails ? (
        <>
          <header className="head">
            {back}
            <h1 className="cut grow">{lastDetails.name}</h1>
          </header>
          <Timeline room={model} timeline={timeline} details={lastDetails} />
        </>
      ) : (
        back
      )}
      <div className="farewell" role="alert">
        <Icon name="lock" />
        <div className="grow">
          <h2>{t(banned ? "farewell.banned" : "farewell.kicked", { name: by.name })}</h2>
          {reason && <p className="anywhere">{t("farewell.reason", { reason })}</p>}
          <p className="muted">
            {t(timeline ? "farewell.readable" : "farewell.gone")} {t(banned ? "farewell.noReturn" : "farewell.return")}
          </p>
          <div className="row g2 mt2 wrap">
            <button type="button" className="btn small" onClick={() => void main.write(by.id)}>
              {t("farewell.write", { name: by.name })}
            </button>
            {composer && <Draft text={composer.text.value} />}
          </div>
        </div>
      </div>
    </main>
  );
}

/** What was being written is not lost. */
function Draft({ text }: { text: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  if (!text.trim()) return null;
  return (
    <button
      type="button"
      className="btn small"
      onClick={() => void navigator.clipboard.writeText(text).then(() => setCopied(true))}
    >
      <Icon name={copied ? "check" : "copy"} size={16} />
      {t(copied ? "recovery.copied" : "farewell.draft")}
    </button>
  );
}
