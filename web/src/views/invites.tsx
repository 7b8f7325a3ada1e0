/** Who asks one into a room: their name, and whose they are. */

import { useTranslation } from "react-i18next";
import type { RoomSummary } from "../matrix/types";
import { GuestTag } from "./ui/parts";

export function Invites({ room: { inviter, kind } }: { room: RoomSummary }) {
  const { t } = useTranslation();
  return (
    <>
      <span className="block">
        {t(kind === "direct" ? "list.invitesDirect" : "list.invites", { name: inviter?.name ?? "" })}
      </span>
      {inviter?.guest ? <GuestTag /> : inviter?.organisation && <span className="block faint cut">{inviter.organisation}</span>}
    </>
  );
}
