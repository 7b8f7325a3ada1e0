import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Member } from "../../matrix/types";
import { CreateRoomViewModel } from "../../viewmodels/create_room";
import type { MembersViewModel } from "../../viewmodels/members";
import { PeopleField } from "../people_field";
import { Dialog, DialogActions } from "../ui/dialog";
import { Problem } from "../ui/parts";
import { useApp, useOwned, useSnapshot } from "../use";

export function InviteDialog({ model, present, onClose }: { model: MembersViewModel; present: Member[]; onClose: () => void }) {
  const { t } = useTranslation();
  const app = useApp();
  const picking = useOwned(() => new CreateRoomViewModel(app.matrix!, () => {}), "invite");
  const { chosen } = useSnapshot(picking);
  const { busy, problem, failed, invited } = useSnapshot(model);
  const [sent, setSent] = useState(false);
  const here = new Set(present.filter((each) => each.membership === "join").map((each) => each.id));
  const fresh = chosen.filter((each) => !each.person || !here.has(each.person.id));
  const send = async (): Promise<void> => {
    const well = await model.invite(
      fresh.flatMap((each) => (each.person ? [each.person.id] : [])),
      fresh.flatMap((each) => (each.email ? [each.email] : [])).join("\n"),
    );
    setSent(true);
    if (well && !model.snapshot().failed.length) {
      app.say("invite.done");
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
          disabled={busy || !fresh.length}
          onGo={() => void send()}
          onCancel={onClose}
        />
      }
    >
      <PeopleField model={picking} label={t("create.people")} />
      {sent && failed.length > 0 && (
        <p className="note danger mt3" role="alert">
          {t("invite.some", { count: invited })} {t("invite.failed", { people: failed.join(", ") })}
        </p>
      )}
      <Problem problem={problem} />
    </Dialog>
  );
}
