import { useTranslation } from "react-i18next";
import type { Member } from "../../matrix/types";
import { InvitingViewModel, type Recipient } from "../../viewmodels/inviting";
import type { RoomViewModel } from "../../viewmodels/room";
import { date } from "../format";
import { PeopleField } from "../people_field";
import { Dialog, DialogActions } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { Field, Problem } from "../ui/parts";
import { WhenField } from "../ui/when_field";
import { useMain, useOwned, useSnapshot } from "../use";
import { PastChoices } from "./past_choices";

interface Props {
  room: RoomViewModel;
  present: Member[];
  /** Whether guests may come in: by address, with a purpose and an end. */
  guests: boolean;
  onInvited: () => void;
  onClose: () => void;
}

export function InviteDialog({ room, present, guests, onInvited, onClose }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const make = () => {
    const here = present.filter((each) => each.membership === "join").map((each) => each.id);
    return room.make(InvitingViewModel, guests, new Set(here));
  };
  const model = useOwned(make, room.id);
  const { to, purpose, ends, guests: asksPurpose, missing, invited, failed, busy, problem } = useSnapshot(model);
  const { first, last } = model.days();
  const send = async (): Promise<void> => {
    const all = await model.send();
    const { invited: done, unopened } = model.snapshot();
    if (done.length) onInvited();
    if (!all) return;
    if (unopened.length) main.say("invite.doneUnopened", { people: unopened.join(", ") });
    else main.say(done.length === 1 ? "invite.doneOne" : "invite.done", { name: done[0] });
    onClose();
  };
  return (
    <Dialog
      title={t("invite.title")}
      hint={t("invite.hint")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("invite.do", { count: to.length })}
          disabled={busy}
          missing={missing && t(`invite.missing.${missing}`)}
          onGo={() => void send()}
          onCancel={onClose}
        />
      }
    >
      <PeopleField model={model.people} label={t("create.people")} />
      <ul className="stackv mt2" aria-label={t("invite.what")}>
        {to.map((each) => !each.id && <What key={each.key} recipient={each} opened={guests} />)}
      </ul>
      {asksPurpose && guests && (
        <fieldset className="stackv mt3">
          <legend className="label">{t("invite.guests")}</legend>
          <Field
            label={t("invite.purpose")}
            hint={t("invite.purposeHint")}
            value={purpose}
            onText={model.setPurpose}
            required
            maxLength={500}
          />
          <WhenField
            what="date"
            label={t("invite.ends")}
            hint={
              ends ? t("guests.until", { date: date(noon(ends)) }) : last && t("invite.endsHint", { date: date(noon(last)) })
            }
            value={ends}
            onValue={model.setEnds}
            min={first}
            max={last}
          />
        </fieldset>
      )}
      {model.asksPast && <PastChoices model={model} />}
      {failed.length > 0 && (
        <p className="note danger mt3" role="alert">
          <Icon name="warn" size={18} />
          <span>
            {t("invite.some", { count: invited.length })} {t("invite.failed", { people: failed.join(", ") })}
          </span>
        </p>
      )}
      <Problem problem={problem} />
    </Dialog>
  );
}

/** What will happen with an address. */
function What({ recipient: { name, whose }, opened }: { recipient: Recipient; opened: boolean }) {
  const { t } = useTranslation();
  const guest = typeof whose === "object" && whose?.guest;
  const key =
    whose === undefined ? "looking" : whose === null ? "mail" : typeof whose === "string" ? whose : guest ? "guest" : "agent";
  const bad = key === "nobody" || (guest && !opened);
  return (
    <li className={bad ? "note danger" : guest ? "note warn" : "note"}>
      <Icon name={guest ? "guest" : "mail"} size={18} />
      <span>
        {t(guest && !opened ? "invite.what.closed" : `invite.what.${key}`, {
          name,
          organisation: (typeof whose === "object" && whose?.organisation) || "",
        })}
      </span>
    </li>
  );
}

const noon = (day: string): number => new Date(`${day}T12:00`).getTime();
