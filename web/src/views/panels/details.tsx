import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomDetails } from "../../matrix/types";
import { keepText } from "../../platform/files";
import type { Left, RoomViewModel } from "../../viewmodels/room";
import { full, levelName } from "../format";
import { Avatar } from "../ui/avatar";
import { Dialog, DialogActions } from "../ui/dialog";
import { Form } from "../ui/form";
import { Icon } from "../ui/icon";
import { AllRequired, Field, PictureButton, Problem, Segmented, Switch } from "../ui/parts";
import { useApp, useMain, useSnapshot } from "../use";

export function Details({ room, details }: { room: RoomViewModel; details: RoomDetails }) {
  const { t, i18n } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { summary, problem, busy } = useSnapshot(room);
  const [editing, setEditing] = useState(false);
  const [asking, setAsking] = useState<"leave" | "guests" | "close" | "upgrade" | null>(null);
  const [removed, setRemoved] = useState<Left[] | null>(null);
  const { rules } = useSnapshot(app);
  const levels = room.higherLevels();
  const close = async (): Promise<void> => setRemoved(await room.closeToGuests());
  return (
    <div className="panelbody">
      <div className="cardhead">
        <Avatar id={details.id} name={details.name} picture={details.avatar} size={80} square={details.kind !== "direct"} />
        <h3>{details.name}</h3>
        {details.topic && <p className="muted anywhere">{details.topic}</p>}
      </div>
      <Problem problem={problem} />
      {details.may.settings && !editing && details.kind !== "direct" && (
        <p className="center mt2">
          <button type="button" className="btn small" onClick={() => setEditing(true)}>
            <Icon name="edit" size={16} />
            {t("details.edit")}
          </button>
        </p>
      )}
      {editing && <Edit room={room} details={details} onDone={() => setEditing(false)} />}
      <ul className="actions mt4">
        <li>
          <button type="button" onClick={() => main.openPanel({ name: "members" })}>
            <Icon name="users" />
            {t("room.members", { count: details.members })}
            <Icon name="right" size={16} />
          </button>
        </li>
        <li>
          <button type="button" onClick={() => main.openPanel({ name: "files" })}>
            <Icon name="folder" />
            {t("panel.files")}
            <Icon name="right" size={16} />
          </button>
        </li>
        <li>
          <button type="button" onClick={() => main.openPanel({ name: "pins" })}>
            <Icon name="pin" />
            {t("panel.pins")}
            <span className="num muted">{details.pinned.length}</span>
          </button>
        </li>
        <li>
          <button type="button" onClick={() => void room.setFavourite(!summary?.favourite)}>
            <Icon name="star" />
            {t(summary?.favourite ? "details.unfavourite" : "details.favourite")}
          </button>
        </li>
      </ul>
      <Segmented
        label={t("details.notifications")}
        value={details.notifications}
        onChange={(each) => void room.settings.setNotifications(each)}
        options={[
          ["all", t("details.all")],
          ["mentions", t("details.mentions")],
          ["none", t("details.none")],
        ]}
      />
      {details.may.settings && details.kind !== "direct" && (
        <>
          {details.kind !== "forum" && (
            <Switch
              label={t("details.knock")}
              hint={t("details.knockHint")}
              on={details.joinRule === "knock"}
              disabled={busy}
              onChange={(on) => void room.settings.setKnocking(on)}
            />
          )}
          <label className="setting wrap">
            <span className="strong grow">{t("details.history")}</span>
            <select value={details.historyVisibility} onChange={(event) => void room.settings.setHistory(event.target.value)}>
              {["joined", "invited", "shared"].map((each) => (
                <option key={each} value={each}>
                  {t(`history.${each}`)}
                </option>
              ))}
            </select>
          </label>
        </>
      )}
      <dl className="facts mt4">
        <dt>{t("details.kind")}</dt>
        <dd>{t(`kind.${details.kind}`)}</dd>
        {details.level && (
          <>
            <dt>{t("details.level")}</dt>
            <dd>{levelName(details.level, i18n.language)}</dd>
          </>
        )}
        {details.keptDays !== null && (
          <>
            <dt>{t("details.kept")}</dt>
            <dd>{t("details.keptDays", { count: details.keptDays })}</dd>
          </>
        )}
        <dt>{t("details.encryption")}</dt>
        <dd>{t(details.encrypted ? "details.encrypted" : "details.clear")}</dd>
        {details.alias && (
          <>
            <dt>{t("details.address")}</dt>
            <dd className="anywhere">{details.alias}</dd>
          </>
        )}
        <dt>{t("details.version")}</dt>
        <dd>{details.version}</dd>
      </dl>
      <ul className="actions mt4">
        {details.may.guests &&
          details.kind === "private" &&
          details.level?.guests !== false &&
          rules?.me.may_have_guests !== false && (
            <li>
              <button type="button" onClick={() => setAsking("guests")}>
                <Icon name="guest" />
                {t("details.openToGuests")}
              </button>
            </li>
          )}
        {details.may.guests && details.guests && rules && (
          <li>
            <button type="button" onClick={() => setAsking("close")}>
              <Icon name="guest" />
              {t("details.closeToGuests")}
            </button>
          </li>
        )}
        {details.may.classify && (details.kind === "private" || details.kind === "guests") && levels.length > 0 && (
          <li>
            <label>
              <Icon name="shieldok" />
              {t("details.raise")}
              <select value="" disabled={busy} onChange={(event) => void room.settings.classify(event.target.value)}>
                <option value="">{details.level ? levelName(details.level, i18n.language) : t("details.unmarked")}</option>
                {levels.map((each) => (
                  <option key={each.name} value={each.name}>
                    {levelName(each, i18n.language)}
                  </option>
                ))}
              </select>
            </label>
          </li>
        )}
        {details.may.upgrade && details.version !== "12" && (
          <li>
            <button type="button" onClick={() => setAsking("upgrade")}>
              <Icon name="archive" />
              {t("details.upgrade")}
            </button>
          </li>
        )}
        <li>
          <button type="button" className="bad" onClick={() => setAsking("leave")}>
            <Icon name="logout" />
            {t("details.leave")}
          </button>
        </li>
      </ul>
      {removed && <Report removed={removed} onClose={() => setRemoved(null)} />}
      {asking && (
        <Dialog
          alert
          title={t(`details.${asking}Title`)}
          hint={t(`details.${asking}Hint`)}
          onClose={() => setAsking(null)}
          foot={
            <DialogActions
              go={t(`details.${asking}Do`)}
              danger={asking === "leave" || asking === "close"}
              disabled={busy}
              onGo={() => {
                const what = asking;
                setAsking(null);
                void (what === "leave"
                  ? room.leave()
                  : what === "close"
                    ? close()
                    : what === "guests"
                      ? room.settings.openToGuests()
                      : room.upgrade("12"));
              }}
              onCancel={() => setAsking(null)}
            />
          }
        >
          {asking === "leave" && details.members === 1 && <p className="note warn">{t("details.lastOne")}</p>}
        </Dialog>
      )}
    </div>
  );
}

/** Who had to leave when the room was closed to guests, and what each could read: for the record. */
function Report({ removed, onClose }: { removed: Left[]; onClose: () => void }) {
  const { t } = useTranslation();
  const lines = removed.map(({ name, since_ts, messages }) =>
    since_ts ? t("report.read", { name, date: full(since_ts), count: messages }) : t("report.never", { name }),
  );
  return (
    <Dialog
      title={t("report.title")}
      hint={t(removed.length ? "report.hint" : "report.nobody")}
      onClose={onClose}
      foot={
        <>
          {removed.length > 0 && (
            <button type="button" className="btn" onClick={() => keepText(lines.join("\n"), t("report.file"))}>
              <Icon name="download" size={18} />
              {t("report.keep")}
            </button>
          )}
          <button type="button" className="btn main" onClick={onClose}>
            {t("close")}
          </button>
        </>
      }
    >
      <ul className="stackv">
        {lines.map((each) => (
          <li key={each}>{each}</li>
        ))}
      </ul>
    </Dialog>
  );
}

function Edit({ room, details, onDone }: { room: RoomViewModel; details: RoomDetails; onDone: () => void }) {
  const { t } = useTranslation();
  const { busy } = useSnapshot(room);
  const [name, setName] = useState(details.name);
  const [topic, setTopic] = useState(details.topic);
  const save = async (): Promise<void> => {
    if (await room.settings.describe(details, name, topic)) onDone();
  };
  return (
    <Form
      className="stackv mt3"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <AllRequired />
      <Field label={t("create.name")} value={name} onText={setName} required maxLength={255} />
      <Field label={t("create.topic")} value={topic} onText={setTopic} maxLength={1000} />
      <PictureButton
        label={t("details.picture")}
        disabled={busy}
        onPick={(picture) => void room.settings.setPicture(picture)}
      />
      <div className="row g2">
        <button type="submit" className="btn main" disabled={busy}>
          {t("save")}
        </button>
        <button type="button" className="btn quiet" onClick={onDone}>
          {t("cancel")}
        </button>
      </div>
    </Form>
  );
}
