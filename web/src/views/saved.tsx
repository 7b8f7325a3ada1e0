/** The messages that one keeps for later. */

import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import "../styles/saved.css";
import type { SavedMessage } from "../matrix/types";
import { clock, isoMinute } from "../platform/clock";
import { reminderTimes } from "../viewmodels/reminder_times";
import type { Kept } from "../viewmodels/saved";
import { day, full, time } from "./format";
import { Banner } from "./frame";
import { useArrival } from "./hands/arrive";
import { Avatar } from "./ui/avatar";
import { Dialog, DialogActions } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { Menu } from "./ui/menu";
import { Empty, Problem } from "./ui/parts";
import { WhenField } from "./ui/when_field";
import { useApp, useMain, useMedia, useSnapshot } from "./use";

export function Saved() {
  const { t } = useTranslation();
  const app = useApp();
  const { saved } = useMain();
  const phone = useMedia("(max-width: 767px)");
  const { now, later, untimed, done, isLocked, undo, problem, risen } = useSnapshot(saved);
  const place = useArrival<HTMLElement>("saved");
  const [isDone, setDone] = useState(false);
  const [asked, setAsked] = useState<SavedMessage | null>(null);
  useEffect(() => saved.show(), [saved]);
  const count = now.length + later.length + untimed.length;
  return (
    <main className="panel savedpage" data-region tabIndex={-1} aria-label={t("saved.title")} ref={place}>
      <Banner />
      <div className="savedbody">
        <div className="row g2">
          {phone && (
            <a className="ib" href="#/" aria-label={t("threads.back")}>
              <Icon name="left" />
            </a>
          )}
          <h1>{t("saved.title")}</h1>
        </div>
        <p className="muted">{t("saved.hint")}</p>
        <div className="chips" role="group" aria-label={t("saved.filter")}>
          <button type="button" className="chip" aria-pressed={!isDone} onClick={() => setDone(false)}>
            {t("saved.title")}
            {count > 0 && ` · ${count}`}
          </button>
          <button type="button" className="chip" aria-pressed={isDone} onClick={() => setDone(true)}>
            {t("saved.doneList")}
          </button>
        </div>
        <Problem problem={problem} />
        {isLocked ? (
          <Empty icon="key" title={t("saved.locked")}>
            <button type="button" className="btn" onClick={app.askConfirm}>
              {t("banner.confirm")}
            </button>
          </Empty>
        ) : isDone ? (
          <Group title={null} kept={done} ask={setAsked} />
        ) : (
          <>
            <Group title={t("saved.isTime")} kept={now} ask={setAsked} />
            <Group title={t("saved.later")} kept={later} ask={setAsked} />
            <Group title={t("saved.untimed")} kept={untimed} ask={setAsked} />
          </>
        )}
        {!isLocked && !isDone && count === 0 && <Empty icon="bookmark" title={t("saved.empty")} text={t("saved.emptyText")} />}
        {!isLocked && isDone && done.length === 0 && <Empty icon="check" title={t("saved.emptyDone")} />}
      </div>
      <div className="donebox" role="status">
        {undo && (
          <p className="donebar">
            <span className="grow">{t("saved.doneSaid")}</span>
            <button type="button" className="link" onClick={() => void saved.undo()}>
              {t("undo")}
            </button>
          </p>
        )}
        {risen && (
          <span className="sr" key={risen.turn}>
            {t("saved.isTime")}
          </span>
        )}
      </div>
      {asked && <TimeDialog entry={asked} onClose={() => setAsked(null)} />}
    </main>
  );
}

interface Asks {
  ask: (entry: SavedMessage) => void;
}

function Group({ title, kept, ask }: { title: string | null; kept: Kept[] } & Asks) {
  if (!kept.length) return null;
  return (
    <section>
      {title && <h2>{title}</h2>}
      <ul className="savedlist">
        {kept.map((each) => (
          <Entry key={`${each.roomId} ${each.eventId}`} entry={each} ask={ask} />
        ))}
      </ul>
    </section>
  );
}

/** What is to be done with a reminder that was chosen: quiet hours may have moved it. */
function useRemind(): (entry: SavedMessage, at: number | null) => Promise<void> {
  const main = useMain();
  return async (entry, at) => {
    const then = await main.saved.remind(entry, at);
    if (then !== at && then !== null) main.say("saved.moved", { when: full(then) });
  };
}

function Entry({ entry, ask }: { entry: Kept } & Asks) {
  const { t } = useTranslation();
  const main = useMain();
  const { saved } = main;
  const remind = useRemind();
  const { line, room, remindAt, doneAt } = entry;
  const isDue = remindAt !== null && doneAt === null && remindAt <= clock.now();
  return (
    <li className={doneAt === null ? "savedrow" : "savedrow isdone"}>
      <Avatar id={entry.roomId} name={line?.sender ?? room ?? "?"} picture={null} size={36} />
      <div className="grow min0">
        <p className="row g2 wrap">
          <b>{line ? (line.mine ? t("you") : line.sender) : t("saved.gone").split(",")[0]}</b>
          {remindAt !== null && doneAt === null && (
            <span className={isDue ? "row g1 t12 duenow" : "row g1 t12 muted"}>
              <Icon name="clock" size={14} />
              {day(remindAt)}, {time(remindAt)}
            </span>
          )}
        </p>
        {line === null ? (
          <p className="muted">{t("saved.gone")}</p>
        ) : (
          <button type="button" className="savedtext" onClick={() => main.openRoom(entry.roomId, entry.eventId)}>
            <span className="sr">{t("saved.openMessage", { room: room ?? "" })} : </span>
            {line ? (line.key ? t(line.key) : line.text) : "…"}
          </button>
        )}
        <p className="t13 muted">
          {room ?? t("saved.noRoom")}
          {line && ` · ${day(line.ts)}, ${time(line.ts)}`}
        </p>
      </div>
      <div className="row g2 savedtools">
        {doneAt === null && line !== null && (
          <>
            <Menu
              label={t("saved.remind")}
              className="btn small"
              choices={[
                ...reminderTimes().map(({ key, at }) => ({
                  name: `${t(`saved.${key}`)} · ${time(at)}`,
                  icon: "clock" as const,
                  run: () => void remind(entry, at),
                })),
                { name: t("saved.choose"), icon: "cal", run: () => ask(entry) },
                ...(remindAt !== null
                  ? [{ name: t("saved.none"), icon: "x" as const, run: () => void remind(entry, null) }]
                  : []),
              ]}
            >
              {t("saved.remind")}
            </Menu>
            <button type="button" className="btn small" onClick={() => void saved.done(entry)}>
              <Icon name="check" size={18} />
              {t("saved.done")}
            </button>
          </>
        )}
        {doneAt !== null && line !== null && (
          <button type="button" className="btn small" onClick={() => void remind(entry, null)}>
            {t("saved.redo")}
          </button>
        )}
        {line === null && (
          <button type="button" className="btn small" onClick={() => void saved.remove(entry)}>
            {t("saved.remove")}
          </button>
        )}
      </div>
    </li>
  );
}

function TimeDialog({ entry, onClose }: { entry: SavedMessage; onClose: () => void }) {
  const { t } = useTranslation();
  const remind = useRemind();
  const [when, setWhen] = useState("");
  const at = when ? new Date(when).getTime() : Number.NaN;
  const isPossible = Number.isFinite(at) && at > clock.now();
  return (
    <Dialog
      title={t("saved.set")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("saved.set")}
          disabled={!isPossible}
          onGo={() => {
            void remind(entry, at);
            onClose();
          }}
          onCancel={onClose}
        />
      }
    >
      <WhenField what="moment" label={t("saved.when")} value={when} onValue={setWhen} min={isoMinute(clock.now())} isFirst />
    </Dialog>
  );
}
