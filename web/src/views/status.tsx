/** What people are, beside their names: a shape on their picture, words for everybody. */

import "../styles/status.css";
import { createContext, useContext, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { clock } from "../platform/clock";
import type { OwnStatus, Status, StatusViewModel } from "../viewmodels/status";
import { endWords } from "../viewmodels/status_words";
import { ago } from "./format";
import { Icon } from "./ui/icon";

export const StatusContext = createContext<StatusViewModel | null>(null);

export function useStatuses(): StatusViewModel {
  const found = useContext(StatusContext);
  if (!found) throw new Error("a view outside of what it belongs to");
  return found;
}

/** Drawn again only where it is somebody else's status that is another now. */
function useStatus(id: string): Status | null {
  const statuses = useContext(StatusContext); // an account that begins has none
  return useSyncExternalStore(statuses?.subscribe ?? nothing, () => statuses?.of(id) ?? null);
}

const nothing = (): (() => void) => () => {};

/** "Occupé jusqu’à 15 h". */
export function useStatusWords(): (status: Pick<Status, "until"> & { state: Status["state"] | OwnStatus["state"] }) => string {
  const { t, i18n } = useTranslation();
  return ({ state, until }) => [t(`status.${state}`), endWords(until, clock.now(), i18n.language)].filter(Boolean).join(" ");
}

export function Shape({ state }: { state: Status["state"] | "hidden" }) {
  return (
    <span className={`pst ${state}`} aria-hidden="true">
      <span />
    </span>
  );
}

/** On a picture. What it says is said in words beside it. */
export function StatusDot({ id, big = false }: { id: string; big?: boolean }) {
  const status = useStatus(id);
  return status && <span className={`dot ${status.state}${big ? " big" : ""}`} />;
}

/** For those who do not see the shape. */
export function StatusHeard({ id }: { id: string }) {
  const status = useStatus(id);
  const words = useStatusWords();
  return status && <span className="sr">, {words(status)}</span>;
}

/** What is worth a line: not that somebody is there, which the shape says, but why not and until when. */
export function StatusLine({ id, after = false }: { id: string; after?: boolean }) {
  const status = useStatus(id);
  const words = useStatusWords();
  if (!status) return null;
  if (status.state === "available" && !status.text) return <span className="sr">, {words(status)}</span>;
  const said = [words(status), status.text].filter(Boolean).join(" · ");
  return <>{after ? ` · ${said}` : said}</>;
}

export function StatusCard({ id }: { id: string }) {
  const status = useStatus(id);
  const words = useStatusWords();
  if (!status) return null;
  return (
    <>
      <p className="row g2 statusline">
        <Shape state={status.state} />
        {words(status)}
      </p>
      {status.text && (
        <p className="note statusnote">
          <Icon name="chat" size={18} />
          <span className="anywhere">{status.text}</span>
        </p>
      )}
    </>
  );
}

/** When somebody who is not there was seen last. */
export function StatusSeen({ id }: { id: string }) {
  const { t } = useTranslation();
  const status = useStatus(id);
  if (!status?.seenAt) return null;
  return (
    <>
      <dt>{t("status.seen")}</dt>
      <dd>{ago(status.seenAt)}</dd>
    </>
  );
}

/** Above the field of a conversation with somebody who is away: it will wait. */
export function StatusNotice({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation();
  const status = useStatus(id);
  const words = useStatusWords();
  if (status?.state !== "away" || (status.until === null && !status.text)) return null;
  const said = [words(status).toLocaleLowerCase(), status.text].filter(Boolean).join(" · ");
  return (
    <p className="note statuswaits" role="status">
      <Icon name="clock" size={18} />
      <span className="anywhere">{t("status.waits", { name, status: said })}</span>
    </p>
  );
}
