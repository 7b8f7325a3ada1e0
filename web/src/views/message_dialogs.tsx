/** What a message's menu asks: deleting, reporting, earlier versions. */

import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item } from "../matrix/types";
import type { RoomViewModel } from "../viewmodels/room";
import { full } from "./format";
import { Dialog, DialogActions } from "./ui/dialog";
import { Field } from "./ui/parts";

interface Props {
  item: Item;
  room: RoomViewModel;
  onClose: () => void;
}

export type Asking = "delete" | "report" | "history";

const DIALOGS: Record<Asking, (props: Props) => React.ReactNode> = {
  delete: DeleteDialog,
  report: ReportDialog,
  history: HistoryDialog,
};

export function MessageDialog({ asking, ...props }: Props & { asking: Asking }) {
  const Asked = DIALOGS[asking];
  return <Asked {...props} />;
}

function DeleteDialog({ item, room, onClose }: Props) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  return (
    <Dialog
      alert
      title={t("message.deleteTitle")}
      hint={t("message.deleteHint")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("delete")}
          danger
          onGo={() => {
            void room.redact(item, reason.trim());
            onClose();
          }}
          onCancel={onClose}
        />
      }
    >
      <Field label={t("message.reason")} value={reason} onText={setReason} maxLength={200} />
    </Dialog>
  );
}

function ReportDialog({ item, room, onClose }: Props) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const send = async (): Promise<void> => {
    if (await room.report(item, reason.trim())) onClose();
  };
  return (
    <Dialog
      title={t("message.reportTitle")}
      hint={t("message.reportHint")}
      onClose={onClose}
      foot={
        <DialogActions go={t("message.reportSend")} disabled={!reason.trim()} onGo={() => void send()} onCancel={onClose} />
      }
    >
      <Field label={t("message.reportReason")} value={reason} onText={setReason} maxLength={500} />
    </Dialog>
  );
}

function HistoryDialog({ item, room, onClose }: Props) {
  const { t } = useTranslation();
  const [versions, setVersions] = useState<Array<{ ts: number; body: string | null }> | null>(null);
  const asked = useRef(false);
  if (!asked.current) {
    asked.current = true;
    void room.versions(item).then(setVersions, () => setVersions([]));
  }
  return (
    <Dialog title={t("message.history")} onClose={onClose}>
      {versions === null ? (
        <p role="status">{t("loading")}</p>
      ) : (
        <ol className="versions">
          {versions.map((each) => (
            <li key={each.ts}>
              <time className="t12 faint">{full(each.ts)}</time>
              <p>{each.body ?? t("line.locked")}</p>
            </li>
          ))}
        </ol>
      )}
    </Dialog>
  );
}
