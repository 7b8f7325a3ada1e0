import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../matrix/types";
import { plainly } from "../viewmodels/words";
import { asOneStop } from "./hands/one_stop";
import { Avatar } from "./ui/avatar";
import { Field } from "./ui/parts";

interface Props {
  label: string;
  rooms: RoomSummary[];
  chosen: string[];
  onChoose: (ids: string[]) => void;
}

/** Several rooms out of many. */
export function RoomPicker({ label, rooms, chosen, onChoose }: Props) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState("");
  const shown = rooms.filter((each) => plainly(each.name).includes(plainly(asked))).slice(0, 30);
  return (
    <>
      <Field label={label} icon="search" value={asked} onText={setAsked} />
      {!shown.length && <p className="muted mt2">{t("rooms.noMatch")}</p>}
      <ul className="pickrooms mt2" ref={asOneStop}>
        {shown.map((each) => (
          <li key={each.id}>
            <label className="row g3">
              <input
                type="checkbox"
                className="box"
                checked={chosen.includes(each.id)}
                onChange={(event) =>
                  onChoose(event.target.checked ? [...chosen, each.id] : chosen.filter((id) => id !== each.id))
                }
              />
              <Avatar id={each.id} name={each.name} picture={each.avatar} size={28} square={each.kind !== "direct"} />
              <span className="cut">{each.name}</span>
              {(each.kind === "guests" || each.kind === "forum") && <span className="tag guest">{t(`kind.${each.kind}`)}</span>}
            </label>
          </li>
        ))}
      </ul>
    </>
  );
}
