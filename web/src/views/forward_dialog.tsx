import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item } from "../matrix/types";
import type { RoomViewModel } from "../viewmodels/room";
import { RoomPicker } from "./room_picker";
import { Dialog, DialogActions } from "./ui/dialog";
import { Problem } from "./ui/parts";
import { useMain, useSnapshot } from "./use";

export function ForwardDialog({ item, room, onClose }: { item: Item; room: RoomViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const main = useMain();
  const { busy, problem } = useSnapshot(room);
  const [chosen, setChosen] = useState<string[]>([]);
  const rooms = main.list.joined();
  const send = async (): Promise<void> => {
    if (!(await room.forward(item, chosen))) return;
    main.say("forward.done");
    onClose();
  };
  return (
    <Dialog
      title={t("message.forward")}
      hint={t("forward.hint")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("forward.do", { count: chosen.length })}
          disabled={busy || !chosen.length}
          onGo={() => void send()}
          onCancel={onClose}
        />
      }
    >
      <RoomPicker label={t("forward.to")} rooms={rooms} chosen={chosen} onChoose={setChosen} />
      <Problem problem={problem} />
    </Dialog>
  );
}
