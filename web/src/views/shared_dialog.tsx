import { useState } from "react";
import { useTranslation } from "react-i18next";
import { plainly } from "../viewmodels/words";
import { Avatar } from "./ui/avatar";
import { Dialog } from "./ui/dialog";
import { Field } from "./ui/parts";
import { useApp } from "./use";

/** What another application has shared: to which room shall it go? */
export function SharedDialog({ shared }: { shared: { text: string; files: File[] } }) {
  const { t } = useTranslation();
  const app = useApp();
  const [asked, setAsked] = useState("");
  const rooms = app
    .matrix!.rooms.list()
    .filter((each) => each.membership === "join" && each.kind !== "space" && plainly(each.name).includes(plainly(asked)))
    .slice(0, 30);
  const choose = (id: string): void => {
    app.dropShared();
    app.openRoom(id);
    const composer = app.room?.composer;
    if (!composer) return;
    if (shared.text) composer.insert(shared.text, 0, 0);
    if (shared.files.length) void composer.attach(shared.files);
  };
  return (
    <Dialog
      title={t("share.title")}
      hint={shared.files.length ? t("share.files", { count: shared.files.length }) : shared.text.slice(0, 100)}
      onClose={app.dropShared}
    >
      <Field label={t("forward.to")} icon="search" value={asked} onText={setAsked} />
      <ul className="pickrooms mt2">
        {rooms.map((each) => (
          <li key={each.id}>
            <button type="button" className="row g3" onClick={() => choose(each.id)}>
              <Avatar id={each.id} name={each.name} picture={each.avatar} size={28} square={each.kind !== "direct"} />
              <span className="cut">{each.name}</span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
