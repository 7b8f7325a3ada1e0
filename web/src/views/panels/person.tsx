import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomDetails } from "../../matrix/types";
import { mayActOn, roleOf } from "../../viewmodels/members";
import { PersonViewModel } from "../../viewmodels/person";
import type { RoomViewModel } from "../../viewmodels/room";
import { date, serverOf } from "../format";
import { StatusCard, StatusDot, StatusSeen } from "../status";
import { Avatar } from "../ui/avatar";
import { Dialog, DialogActions } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { Field, GuestTag, Problem } from "../ui/parts";
import { useMain, useOwned, useSnapshot } from "../use";
import { FactsOf } from "./person_facts";

export function PersonCard({ id, room, details }: { id: string; room: RoomViewModel; details: RoomDetails }) {
  const { t } = useTranslation();
  const main = useMain();
  const model = useOwned(() => room.make(PersonViewModel, id), `${room.id} ${id}`);
  const { person, member, trust, ignored, shared, guest, facts, problem } = useSnapshot(model);
  const [asking, setAsking] = useState<"kick" | "ban" | null>(null);
  const me = model.isMe;
  const acts = member && !me && mayActOn(details, member);
  return (
    <div className="panelbody">
      <div className="cardhead">
        <Avatar id={id} name={person.name} picture={person.avatar} size={88} dot={<StatusDot id={id} big />} />
        <h3>{person.name}</h3>
        {facts.title && <p className="anywhere">{facts.title}</p>}
        {person.guest ? <GuestTag /> : <p className="muted">{person.organisation ?? serverOf(id)}</p>}
        <StatusCard id={id} />
        {trust === "verified" && (
          <span className="tag ok">
            <Icon name="check" size={13} />
            {t("person.verified")}
          </span>
        )}
        {trust === "changed" && (
          <span className="tag warn">
            <Icon name="warn" size={13} />
            {t("person.changed")}
          </span>
        )}
      </div>
      {!me && (
        <div className="row g2 mt4">
          <button type="button" className="btn grow" onClick={() => void main.write(id)}>
            <Icon name="chat" size={18} />
            {t("person.write")}
          </button>
        </div>
      )}
      <dl className="facts mt6">
        <FactsOf facts={facts} />
        {guest && <GuestFacts guest={guest} />}
        {member && (
          <>
            <dt>{t("person.role")}</dt>
            <dd>{t(`role.${roleOf(member.level)}`)}</dd>
          </>
        )}
        <StatusSeen id={id} />
        {shared > 0 && (
          <>
            <dt>{t("person.shared")}</dt>
            <dd>{t("person.sharedRooms", { count: shared })}</dd>
          </>
        )}
      </dl>
      <Problem problem={problem} />
      <ul className="actions mt4">
        {!me && trust !== "verified" && (
          <li>
            <button type="button" onClick={() => void main.verifyPerson(id)}>
              <Icon name="shieldok" />
              {t("person.verify")}
              <Icon name="right" size={16} />
            </button>
          </li>
        )}
        {member && !person.guest && details.may.roles && (me || acts) && (
          <li>
            <label>
              <Icon name="admin" />
              {t("person.role")}
              <select
                value={[0, 50, 100].includes(member.level) ? member.level : "custom"}
                onChange={(event) => void model.setLevel(Number(event.target.value))}
              >
                {[0, 50, 100].map((each) => (
                  <option key={each} value={each}>
                    {t(`role.${roleOf(each)}`)}
                  </option>
                ))}
                {![0, 50, 100].includes(member.level) && (
                  <option value="custom" disabled>
                    {t(`role.${roleOf(member.level)}`)}
                  </option>
                )}
              </select>
            </label>
          </li>
        )}
        {!me && (
          <li>
            <button type="button" onClick={() => model.setIgnored(!ignored)}>
              <Icon name="muted" />
              {t(ignored ? "person.unignore" : "person.ignore")}
            </button>
          </li>
        )}
        {acts && details.may.kick && member.membership !== "ban" && (
          <li>
            <button type="button" className="bad" onClick={() => setAsking("kick")}>
              <Icon name="x" />
              {t(member.membership === "invite" ? "person.uninvite" : "person.kick")}
            </button>
          </li>
        )}
        {acts && details.may.ban && member.membership !== "ban" && (
          <li>
            <button type="button" className="bad" onClick={() => setAsking("ban")}>
              <Icon name="flag" />
              {t("person.ban")}
            </button>
          </li>
        )}
      </ul>
      {asking && (
        <Remove
          what={asking}
          name={person.name}
          onClose={() => setAsking(null)}
          run={(reason) => (asking === "kick" ? model.kick(reason) : model.ban(reason))}
        />
      )}
    </div>
  );
}

/** What its sponsor has said of a guest. */
function GuestFacts({ guest }: { guest: NonNullable<ReturnType<PersonViewModel["snapshot"]>["guest"]> }) {
  const { t } = useTranslation();
  return (
    <>
      <dt>{t("person.sponsor")}</dt>
      <dd>{guest.by.name}</dd>
      <dt>{t("invite.purpose")}</dt>
      <dd className="anywhere">{guest.purpose || t("guests.noPurpose")}</dd>
      <dt>{t("invite.ends")}</dt>
      <dd>{guest.ends_ts === null ? t("guests.noEnd") : date(guest.ends_ts)}</dd>
      {guest.addresses.length > 0 && (
        <>
          <dt>{t("person.mail")}</dt>
          <dd className="anywhere">{guest.addresses.join(", ")}</dd>
        </>
      )}
    </>
  );
}

function Remove({
  what,
  name,
  run,
  onClose,
}: {
  what: "kick" | "ban";
  name: string;
  run: (reason: string) => Promise<boolean>;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  return (
    <Dialog
      alert
      title={t(`person.${what}Title`, { name })}
      hint={t(`person.${what}Hint`)}
      onClose={onClose}
      foot={
        <DialogActions go={t(`person.${what}`)} danger onGo={() => void run(reason.trim()).then(onClose)} onCancel={onClose} />
      }
    >
      <Field label={t("message.reason")} value={reason} onText={setReason} />
    </Dialog>
  );
}
