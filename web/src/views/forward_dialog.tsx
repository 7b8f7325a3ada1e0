import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Item } from "../matrix/types";
import { plainly } from "../viewmodels/markdown";
import type { RoomViewModel } from "../viewmodels/room";
import { Avatar } from "./ui/avatar";
import { Dialog, DialogActions } from "./ui/dialog";
import { Field, Problem } from "./ui/parts";
import { useApp, useSnapshot } from "./use";

export function ForwardDialog({ item, room, onClose }: { item: Item; room: RoomViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const app = useApp();
  const { busy, problem } = useSnapshot(room);
  const [asked, setAsked] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const rooms = app
    .matrix!.rooms.list()
    .filter((each) => each.membership === "join" && each.kind !== "space" && plainly(each.name).includes(plainly(asked)))
    .slice(0, 30);
  const send = async (): Promise<void> => {
    if (!(await room.forward(item, chosen))) return;
    app.say("forward.done");
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
      <Field label={t("forward.to")} icon="search" value={asked} onText={setAsked} />
      <ul className="pickrooms mt2">
        {rooms.map((each) => (
          <li key={each.id}>
            <label className="row g3">
              <input
                type="checkbox"
                className="box"
                checked={chosen.includes(each.id)}
                onChange={(event) =>
                  setChosen(event.target.checked ? [...chosen, each.id] : chosen.filter((id) => id !== each.id))
                }
              />
              <Avatar id={each.id} name={each.name} picture={each.avatar} size={28} square={each.kind !== "direct"} />
              <span className="cut">{each.name}</span>
              {(each.kind === "guests" || each.kind === "forum") && <span className="tag guest">{t(`kind.${each.kind}`)}</span>}
            </label>
          </li>
        ))}
      </ul>
      <Problem problem={problem} />
    </Dialog>
  );
}
