/** What the list asks before it does something: how a section is called, whether to leave. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../../matrix/types";
import { LONGEST } from "../../viewmodels/own_sections";
import { Dialog, DialogActions } from "../ui/dialog";
import { Form } from "../ui/form";
import { Field } from "../ui/parts";
import { useMain } from "../use";

export type Asked =
  | { what: "leave"; room: RoomSummary }
  /** `tag` null: a new section; `room`: goes into it. */
  | { what: "name"; tag: string | null; name: string; room: RoomSummary | null };

export function ListDialog({ asked, onClose }: { asked: Asked; onClose: () => void }) {
  return asked.what === "leave" ? (
    <LeaveDialog room={asked.room} onClose={onClose} />
  ) : (
    <NameDialog asked={asked} onClose={onClose} />
  );
}

function LeaveDialog({ room, onClose }: { room: RoomSummary; onClose: () => void }) {
  const { t } = useTranslation();
  const { acts } = useMain();
  return (
    <Dialog
      alert
      title={t("list.leaveTitle", { name: room.name })}
      hint={t("details.leaveHint")}
      onClose={onClose}
      foot={
        <DialogActions
          danger
          go={t("details.leaveDo")}
          onCancel={onClose}
          onGo={() => {
            onClose();
            void acts.leave(room);
          }}
        />
      }
    >
      {null}
    </Dialog>
  );
}

function NameDialog({ asked, onClose }: { asked: Extract<Asked, { what: "name" }>; onClose: () => void }) {
  const { t } = useTranslation();
  const { ownSections } = useMain();
  const [name, setName] = useState(asked.name);
  const [tried, setTried] = useState(false);
  const problem = ownSections.problemOf(name, asked.tag);
  const go = (): void => {
    setTried(true);
    if (problem) return;
    onClose();
    void (asked.tag === null ? ownSections.add(name, asked.room) : ownSections.rename(asked.tag, name));
  };
  return (
    <Dialog
      title={t(asked.tag === null ? "list.newSectionTitle" : "list.renameSection")}
      onClose={onClose}
      foot={<DialogActions go={t(asked.tag === null ? "list.makeSection" : "list.keepName")} onGo={go} onCancel={onClose} />}
    >
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        <Field
          label={t("list.sectionName")}
          hint={t("list.sectionNameHint")}
          value={name}
          maxLength={LONGEST}
          autoFocus
          error={tried && problem ? t(`list.sectionName.${problem}`) : null}
          onText={setName}
        />
      </Form>
    </Dialog>
  );
}
