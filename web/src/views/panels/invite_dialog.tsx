import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Member } from "../../matrix/types";
import { clock, isoDay } from "../../platform/clock";
import { CreateRoomViewModel } from "../../viewmodels/create_room";
import type { MembersViewModel } from "../../viewmodels/members";
import { PeopleField } from "../people_field";
import { Dialog, DialogActions } from "../ui/dialog";
import { Field, Problem } from "../ui/parts";
import { useApp, useMade, useMain, useSnapshot } from "../use";

interface Props {
  model: MembersViewModel;
  present: Member[];
  /** Whether guests may come in: by address, with a purpose and an end. */
  guests: boolean;
  onClose: () => void;
}

export function InviteDialog({ model, present, guests, onClose }: Props) {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { rules } = useSnapshot(app);
  const [purpose, setPurpose] = useState("");
  const [ends, setEnds] = useState("");
  const picking = useMade(CreateRoomViewModel, "invite", () => {});
  const { chosen } = useSnapshot(picking);
  const { busy, problem, failed, invited } = useSnapshot(model);
  const [sent, setSent] = useState(false);
  const here = new Set(present.filter((each) => each.membership === "join").map((each) => each.id));
  const fresh = chosen.filter((each) => !each.person || !here.has(each.person.id));
  const asksPurpose = guests && rules !== null && fresh.some((each) => each.email);
  const send = async (): Promise<void> => {
    const well = await model.invite(
      fresh.flatMap((each) => (each.person ? [each.person.id] : [])),
      fresh.flatMap((each) => (each.email ? [each.email] : [])).join("\n"),
      asksPurpose ? { purpose: purpose.trim(), ends: ends ? new Date(`${ends}T23:59`).getTime() : null } : undefined,
    );
    setSent(true);
    if (well && !model.snapshot().failed.length) {
      main.say("invite.done");
      onClose();
    }
  };
  return (
    <Dialog
      title={t("invite.title")}
      hint={t("invite.hint")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("invite.do", { count: fresh.length })}
          disabled={busy || !fresh.length || (asksPurpose && !purpose.trim())}
          onGo={() => void send()}
          onCancel={onClose}
        />
      }
    >
      <PeopleField model={picking} label={t("create.people")} />
      {asksPurpose && (
        <fieldset className="stackv mt3">
          <legend className="label">{t("invite.guests")}</legend>
          <Field
            label={t("invite.purpose")}
            hint={t("invite.purposeHint")}
            value={purpose}
            onText={setPurpose}
            required
            maxLength={500}
          />
          <Field
            label={t("invite.ends")}
            hint={rules.guest_days ? t("invite.endsHint", { count: rules.guest_days }) : undefined}
            type="date"
            value={ends}
            onText={setEnds}
            min={isoDay(clock.now())}
          />
        </fieldset>
      )}
      {sent && failed.length > 0 && (
        <p className="note danger mt3" role="alert">
          {t("invite.some", { count: invited })} {t("invite.failed", { people: failed.join(", ") })}
        </p>
      )}
      <Problem problem={problem} />
    </Dialog>
  );
}
