import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Member, RoomDetails } from "../../matrix/types";
import { byReach, MembersViewModel, MOST_BY_REACH, roleOf } from "../../viewmodels/members";
import type { RoomViewModel } from "../../viewmodels/room";
import { serverOf } from "../format";
import { give } from "../hands/arrive";
import { asOneStop } from "../hands/one_stop";
import { StatusDot, StatusLine, useStatuses } from "../status";
import { Avatar } from "../ui/avatar";
import { Icon } from "../ui/icon";
import { GuestTag, Problem, SearchBox, Skeleton } from "../ui/parts";
import { useMain, useOwned, useSnapshot } from "../use";
import { AwaitedPeople } from "./awaited";
import { InviteDialog } from "./invite_dialog";

interface Props {
  room: RoomViewModel;
  details: RoomDetails;
  /** Whose card one comes back from. */
  from: string | null;
}

export function Members({ room, details, from }: Props) {
  const { t } = useTranslation();
  const model = useOwned(() => room.make(MembersViewModel), room.id);
  const { shown, loading, filter, problem, members, awaited, busy } = useSnapshot(model);
  const [inviting, setInviting] = useState(false);
  const statuses = useStatuses();
  const { isOn } = useSnapshot(statuses);
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (from && !loading) give(body.current?.querySelector<HTMLElement>(`[data-person="${CSS.escape(from)}"]`));
  }, [from, loading]);
  const title = (group: string): string =>
    t(["here", "busy", "away"].includes(group) ? `status.group.${group}` : `members.group.${group}`);
  const groups = (["knock", "join", "invite", "ban"] as const).flatMap((each): Array<[string, Member[]]> => {
    const people = shown.filter((member) => member.membership === each);
    return each === "join" && isOn && people.length <= MOST_BY_REACH ? byReach(people, statuses.of) : [[each, people]];
  });
  return (
    <div className="panelbody" ref={body}>
      <div className="row g2">
        <SearchBox next={!from} label={t("members.filter")} value={filter} onText={model.setFilter} />
        {details.may.invite && (
          <button type="button" className="btn main" onClick={() => setInviting(true)}>
            <Icon name="userplus" size={18} />
            {t("members.invite")}
          </button>
        )}
      </div>
      <Problem problem={problem} />
      {loading && <Skeleton rows={5} />}
      {!loading && !shown.length && <p className="muted pad">{t("members.none")}</p>}
      <div ref={asOneStop}>
        {groups.map(
          ([membership, people]) =>
            people.length > 0 && (
              <section key={membership} aria-label={title(membership)}>
                <h3 className="sect">
                  {title(membership)} · {people.length}
                </h3>
                <ul>
                  {people.slice(0, 500).map((each) => (
                    <li key={each.id}>
                      <MemberRow member={each} model={model} room={room} details={details} isNext={each.id === from} />
                    </li>
                  ))}
                </ul>
                {people.length > 500 && <p className="hint">{t("members.more", { count: people.length - 500 })}</p>}
              </section>
            ),
        )}
      </div>
      {awaited.length > 0 && !filter && <AwaitedPeople awaited={awaited} may={details.may.invite} busy={busy} model={model} />}
      {inviting && (
        <InviteDialog
          room={room}
          present={members}
          guests={details.guests}
          onInvited={model.lookAgain}
          onClose={() => setInviting(false)}
        />
      )}
    </div>
  );
}

function MemberRow({
  member,
  model,
  room,
  details,
  isNext,
}: {
  member: Member;
  model: MembersViewModel;
  room: RoomViewModel;
  details: RoomDetails;
  isNext: boolean;
}) {
  const { t } = useTranslation();
  const main = useMain();
  const role = roleOf(member.level);
  return (
    <div className="personrow">
      <button
        type="button"
        className="row g3 grow min0"
        data-person={member.id}
        data-next={isNext || undefined}
        onClick={() => main.openPanel({ name: "person", id: member.id })}
      >
        <Avatar id={member.id} name={member.name} picture={member.avatar} dot={<StatusDot id={member.id} />} />
        <span className="min0">
          <span className="cut strong block">{member.name}</span>
          <span className="t13 muted cut block">
            {member.organisation ?? serverOf(member.id)}
            <StatusLine id={member.id} after />
          </span>
        </span>
      </button>
      {member.guest && <GuestTag />}
      {member.membership === "join" && role !== "member" && <span className="tag">{t(`role.${role}`)}</span>}
      {member.membership === "knock" && details.may.invite && (
        <>
          <button type="button" className="btn small main" onClick={() => void room.letIn(member.id)}>
            {t("accept")}
            <span className="sr"> {member.name}</span>
          </button>
          <button type="button" className="btn small" onClick={() => void model.kick(member.id, "")}>
            {t("decline")}
            <span className="sr"> {member.name}</span>
          </button>
        </>
      )}
      {member.membership === "ban" && details.may.ban && (
        <button type="button" className="btn small" onClick={() => void model.unban(member.id)}>
          {t("members.unban")}
          <span className="sr"> {member.name}</span>
        </button>
      )}
    </div>
  );
}
