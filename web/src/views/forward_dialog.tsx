import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item } from "../matrix/types";
import type { SelectionViewModel } from "../viewmodels/selection";
import { RoomPicker } from "./room_picker";
import { Dialog, DialogActions } from "./ui/dialog";
import { Problem } from "./ui/parts";
import { useMain, useSnapshot } from "./use";

interface Props {
  /** In their order. */
  items: Item[];
  model: SelectionViewModel;
  onClose: () => void;
}

export function ForwardDialog({ items, model, onClose }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const { busy, problem } = useSnapshot(model);
  const [chosen, setChosen] = useState<string[]>([]);
  const rooms = main.list.joined();
  const send = async (): Promise<void> => {
    if (!(await model.forward(items, chosen))) return;
    main.say(items.length > 1 ? "forward.doneAll" : "forward.done", { count: items.length });
    onClose();
  };
  return (
    <Dialog
      title={items.length > 1 ? t("forward.title", { count: items.length }) : t("message.forward")}
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
