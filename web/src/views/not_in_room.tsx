/** A room that one is not in: asked in, waiting to be let in, or a stranger to it. */

import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { clock } from "../platform/clock";
import type { RoomViewModel } from "../viewmodels/room";
import { useArrival } from "./hands/arrive";
import { Invites } from "./invites";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { Empty, Problem, Skeleton } from "./ui/parts";
import { useApp, useMedia, useSnapshot } from "./use";

/** On a phone the list is another screen. */
export function BackToList({ alone = false }: { alone?: boolean }) {
  const { t } = useTranslation();
  const phone = useMedia("(max-width: 767px)");
  if (!phone) return null;
  return (
    <a className={alone ? "ib alone" : "ib"} href="#/" aria-label={t("room.back")}>
      <Icon name="left" />
    </a>
  );
}

export function Asked({ model }: { model: RoomViewModel }) {
  const { t } = useTranslation();
  const { summary, membership, busy, problem } = useSnapshot(model);
  const place = useArrival<HTMLElement>(membership);
  if (!summary) return null;
  return (
    <main className="panel middle" data-region tabIndex={-1} ref={place}>
      <BackToList alone />
      <div className="empty">
        <Avatar
          id={summary.other?.id ?? summary.id}
          name={summary.name}
          picture={summary.avatar}
          size={72}
          square={summary.kind !== "direct"}
        />
        <h1>{summary.name}</h1>
        {membership === "knock" ? (
          <p className="muted">{t("room.knocked")}</p>
        ) : (
          <p className="muted">
            <Invites room={summary} />
          </p>
        )}
        <Problem problem={problem} />
        <div className="row g3">
          {membership === "invite" && (
            <button type="button" className="btn main big" disabled={busy} onClick={() => void model.join()}>
              {t("join")}
            </button>
          )}
          <button type="button" className="btn big" disabled={busy} onClick={() => void model.decline()}>
            {t(membership === "knock" ? "room.stopAsking" : "decline")}
          </button>
        </div>
      </div>
    </main>
  );
}

/** A room that this account is not in: perhaps it is only not here yet. */
export function NotHere({ model }: { model: RoomViewModel }) {
  const { t } = useTranslation();
  const { busy, problem } = useSnapshot(model);
  const { connection } = useSnapshot(useApp());
  const [patient, setPatient] = useState(true);
  const place = useArrival<HTMLElement>(`${patient} ${connection}`);
  useEffect(() => clock.after(1500, () => setPatient(false)), []);
  if (patient)
    return (
      <main className="panel" data-region tabIndex={-1} aria-busy="true">
        <Skeleton rows={8} />
      </main>
    );
  if (connection !== "online")
    return (
      <main className="panel middle" data-region tabIndex={-1} ref={place}>
        <BackToList alone />
        <Empty whole icon="chat" title={t("room.notYet")} text={t("room.notYetText")} />
      </main>
    );
  return (
    <main className="panel middle" data-region tabIndex={-1} ref={place}>
      <BackToList alone />
      <Empty whole icon="lock" title={t("room.notHere")} text={t("room.notHereText")}>
        <Problem problem={problem} />
        <div className="row g3">
          <button type="button" className="btn main" disabled={busy} onClick={() => void model.join()}>
            {t("room.tryJoin")}
          </button>
          <button type="button" className="btn" disabled={busy} onClick={() => void model.knock("")}>
            {t("room.askToJoin")}
          </button>
        </div>
      </Empty>
    </main>
  );
}
