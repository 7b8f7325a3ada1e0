import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../matrix/types";
import type { Shared } from "../platform/shared";
import { plainly } from "../viewmodels/words";
import { size } from "./format";
import { asOneStop } from "./hands/one_stop";
import { Avatar } from "./ui/avatar";
import { Dialog, DialogActions } from "./ui/dialog";
import { Field } from "./ui/parts";
import { useMain } from "./use";

/** What another application has shared, or a page that passes for one: shown whole, and asked about, before anything is sent. */
export function SharedDialog({ shared }: { shared: Shared }) {
  const { t } = useTranslation();
  const main = useMain();
  const [room, setRoom] = useState<RoomSummary | null>(null);
  const go = (id: string): void => {
    main.dropShared();
    main.bring(id, shared.files, shared.text);
  };
  return (
    <Dialog
      title={t("share.title")}
      onClose={main.dropShared}
      foot={room && <DialogActions go={t("share.write")} onGo={() => go(room.id)} onCancel={() => setRoom(null)} />}
    >
      <p className="note warn">{t("share.from")}</p>
      {shared.text && <p className="txt anywhere mt2">{shared.text}</p>}
      {shared.files.length > 0 && (
        <ul className="mt2">
          {shared.files.map((each, index) => (
            <li key={index} className="anywhere">
              {each.name} <span className="t13 muted">{size(each.size)}</span>
            </li>
          ))}
        </ul>
      )}
      {room ? <p className="strong mt2">{t("share.into", { name: room.name })}</p> : <Rooms onChoose={setRoom} />}
    </Dialog>
  );
}

function Rooms({ onChoose }: { onChoose: (room: RoomSummary) => void }) {
  const { t } = useTranslation();
  const main = useMain();
  const [asked, setAsked] = useState("");
  const rooms = main.list
    .joined()
    .filter((each) => plainly(each.name).includes(plainly(asked)))
    .slice(0, 30);
  return (
    <>
      <Field label={t("forward.to")} icon="search" value={asked} onText={setAsked} />
      <ul className="pickrooms mt2" ref={asOneStop}>
        {rooms.map((each) => (
          <li key={each.id}>
            <button type="button" className="row g3" onClick={() => onChoose(each)}>
              <Avatar id={each.id} name={each.name} picture={each.avatar} size={28} square={each.kind !== "direct"} />
              <span className="cut">{each.name}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
