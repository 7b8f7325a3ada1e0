import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { PublicRoom } from "../matrix/room_directory";
import { SpaceViewModel } from "../viewmodels/space";
import { asOneStop } from "./hands/one_stop";
import { RoomPicker } from "./room_picker";
import { Avatar } from "./ui/avatar";
import { Dialog, DialogActions } from "./ui/dialog";
import { Icon } from "./ui/icon";
import { Empty, Problem, Skeleton } from "./ui/parts";
import { useMade, useMain, useSnapshot } from "./use";

/** What a space shows in the place of messages: its rooms. */
export function Space({ id, name }: { id: string; name: string }) {
  const { t } = useTranslation();
  const main = useMain();
  const model = useMade(SpaceViewModel, id, id, main.openRoom);
  const { rooms, loading, may, busy, problem } = useSnapshot(model);
  const [adding, setAdding] = useState(false);
  return (
    <section className="scroll grow" aria-label={t("space.rooms", { name })}>
      <div className="page wide">
        <div className="row g3 wrap">
          <h2 className="grow">{t("space.title")}</h2>
          {may && (
            <button type="button" className="btn" onClick={() => setAdding(true)}>
              <Icon name="plus" size={18} />
              {t("space.add")}
            </button>
          )}
        </div>
        <Problem problem={adding ? null : problem} onRetry={() => void model.look()} />
        {loading && <Skeleton rows={4} />}
        {!loading && !rooms.length && !problem && (
          <Empty icon="folder" title={t("space.none")} text={t(may ? "space.noneText" : "space.noneMember")} />
        )}
        <ul className="forumgrid" ref={asOneStop}>
          {rooms.map((each) => (
            <SpaceRoom key={each.id} room={each} model={model} may={may} busy={busy} />
          ))}
        </ul>
      </div>
      {adding && <AddRooms model={model} onClose={() => setAdding(false)} />}
    </section>
  );
}

function SpaceRoom({ room, model, may, busy }: { room: PublicRoom; model: SpaceViewModel; may: boolean; busy: boolean }) {
  const { t } = useTranslation();
  return (
    <li className="forumcard">
      <Avatar id={room.id} name={room.name} picture={room.avatar} size={44} square />
      <div className="grow min0">
        <h3 className="cut">{room.name}</h3>
        {room.topic && <p className="muted clamp">{room.topic}</p>}
        <p className="row g1 t13 muted">
          <Icon name="users" size={15} />
          {t("room.members", { count: room.members })}
        </p>
      </div>
      <button type="button" className="btn small" disabled={busy} onClick={() => void model.enter(room)}>
        {t(room.joined ? "open" : room.knock ? "room.askToJoin" : "join")}
        <span className="sr"> {room.name}</span>
      </button>
      {may && (
        <button
          type="button"
          className="ib s"
          disabled={busy}
          aria-label={t("space.remove", { name: room.name })}
          onClick={() => void model.remove(room.id)}
        >
          <Icon name="x" />
        </button>
      )}
    </li>
  );
}

function AddRooms({ model, onClose }: { model: SpaceViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const { busy, problem } = useSnapshot(model);
  const [chosen, setChosen] = useState<string[]>([]);
  const [rooms] = useState(() => model.candidates());
  const add = async (): Promise<void> => {
    if (await model.add(chosen)) onClose();
  };
  return (
    <Dialog
      title={t("space.add")}
      hint={t("space.addHint")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("space.addDo", { count: chosen.length })}
          disabled={busy || !chosen.length}
          onGo={() => void add()}
          onCancel={onClose}
        />
      }
    >
      <RoomPicker label={t("space.which")} rooms={rooms} chosen={chosen} onChoose={setChosen} />
      <Problem problem={problem} />
    </Dialog>
  );
}
