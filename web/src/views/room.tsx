import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import type { RoomDetails } from "../matrix/types";
import type { ComposerViewModel } from "../viewmodels/composer";
import type { RoomViewModel } from "../viewmodels/room";
import type { Panel } from "../viewmodels/route";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { levelName } from "./format";
import { Banner } from "./frame";
import { HadToLeave } from "./had_to_leave";
import { useArrival } from "./hands/arrive";
import { useCameFrom, usePanel } from "./hands/panel";
import { useShownRoom } from "./hands/shown_room";
import { Asked, BackToList, NotHere } from "./not_in_room";
import { OrderBar } from "./order_bar";
import { PinBar } from "./pin_bar";
import { PlaybookTabs, WithPlans } from "./playbook_tabs";
import { StatusDot, StatusLine, StatusNotice } from "./status";
import { Timeline } from "./timeline";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { Menu } from "./ui/menu";
import { Problem, Skeleton } from "./ui/parts";
import { useMain, useMedia, useSnapshot } from "./use";
import { Writing } from "./writing";

const SidePanel = lazy(() => import("./panels/side_panel").then((each) => ({ default: each.SidePanel })));
const Space = lazy(() => import("./space").then((each) => ({ default: each.Space })));
const Viewer = lazy(() => import("./viewer/viewer").then((each) => ({ default: each.Viewer })));
const PlaybookPage = lazy(() => import("./playbook").then((each) => ({ default: each.PlaybookPage })));
const PollDialog = lazy(() => import("./poll_dialog").then((each) => ({ default: each.PollDialog })));

export function Room({ model, panel }: { model: RoomViewModel; panel: Panel | null }) {
  const { t } = useTranslation();
  const main = useMain();
  const { details, membership, summary, changedIdentity, poll, viewing, farewell } = useSnapshot(model);
  const isHere = details !== null && membership === "join";
  const { arrivals } = useSnapshot(main);
  const place = useArrival<HTMLElement>(`${isHere} ${arrivals}`);
  const book = panel?.name === "playbook" ? panel.id : null;
  const from = useCameFrom(panel);
  useShownRoom(model.id);
  usePanel(panel !== null && book === null, place);
  if (membership === "invite" || membership === "knock") return <Asked model={model} />;
  if (farewell) return <HadToLeave model={model} farewell={farewell} back={<BackToList alone />} />;
  if (!details || !summary || !model.timeline || !model.composer) return <NotHere model={model} />;
  const { replacedBy } = details;
  return (
    <WithPlans room={model}>
      <main className="panel" tabIndex={-1} aria-label={details.name} ref={place}>
        <Head details={details} panel={panel} />
        {details.kind !== "space" && <PlaybookTabs shown={book} />}
        {details.pinned.length > 0 && details.kind !== "space" && !book && <PinBar room={model} details={details} />}
        <Banner />
        {changedIdentity && (
          <p className="banner warn" role="status">
            <Icon name="warn" size={18} />
            <span className="grow">{t("identity.changed", { name: changedIdentity.name })}</span>
            <button type="button" className="link" onClick={() => main.openPanel({ name: "person", id: changedIdentity.id })}>
              {t("identity.check")}
            </button>
            <button type="button" className="link" onClick={() => void model.acceptIdentity()}>
              {t("identity.accept")}
            </button>
          </p>
        )}
        {replacedBy && (
          <p className="banner info">
            <Icon name="info" size={18} />
            <span className="grow">{t("room.moved")}</span>
            <button type="button" className="link" onClick={() => void model.goOn(replacedBy)}>
              {t("room.goOn")}
            </button>
          </p>
        )}
        {details.kind === "space" || book ? (
          <Suspense fallback={<Skeleton rows={4} />}>
            {book ? (
              <PlaybookPage key={book} id={book} room={model} details={details} />
            ) : (
              <Space id={details.id} name={details.name} />
            )}
          </Suspense>
        ) : (
          <Messages model={model} timeline={model.timeline} composer={model.composer} details={details} />
        )}
      </main>
      {panel && !book && (
        <Suspense
          fallback={
            <aside className="panel side">
              <Skeleton />
            </aside>
          }
        >
          <SidePanel
            key={`${panel.name} ${"id" in panel ? panel.id : ""}`}
            room={model}
            details={details}
            panel={panel}
            from={from}
          />
        </Suspense>
      )}
      {viewing && (
        <Suspense>
          <Viewer room={model} of={viewing.item} thread={viewing.thread} onClose={model.lookAway} />
        </Suspense>
      )}
      {poll && (
        <Suspense>
          <PollDialog room={model} thread={null} onClose={() => model.openPoll(false)} />
        </Suspense>
      )}
    </WithPlans>
  );
}

interface MessagesProps {
  model: RoomViewModel;
  timeline: TimelineViewModel;
  composer: ComposerViewModel;
  details: RoomDetails;
}

/** What is said in a room, and the field to say something. */
function Messages({ model, timeline, composer, details }: MessagesProps) {
  const { t } = useTranslation();
  const { typing, problem } = useSnapshot(model);
  return (
    <>
      <Timeline room={model} timeline={timeline} details={details} />
      <OrderBar room={model} timeline={timeline} />
      <p className="typingline">
        {typing.length > 0 && (
          <>
            <span className="typing">{typing.slice(0, 3).join(", ")}</span> {t("room.typing", { count: typing.length })}
          </>
        )}
      </p>
      {details.other && <StatusNotice id={details.other.id} name={details.other.name} />}
      <Problem problem={problem} />
      <Writing
        room={model}
        timeline={timeline}
        composer={composer}
        details={details}
        closed={<p className="note composer-off">{t(details.replacedBy ? "room.closed" : "room.readOnly")}</p>}
      />
    </>
  );
}

function Head({ details, panel }: { details: RoomDetails; panel: Panel | null }) {
  const { t, i18n } = useTranslation();
  const main = useMain();
  const phone = useMedia("(max-width: 767px)");
  const toggle = (name: "members" | "pins" | "details" | "search" | "files"): void =>
    main.openPanel(panel?.name === name ? null : { name });
  const tool = (name: "search" | "pins" | "members" | "details", icon: "search" | "pin" | "users" | "info", label: string) => (
    <button
      type="button"
      className={panel?.name === name ? "ib on" : "ib"}
      aria-label={label}
      aria-expanded={panel?.name === name}
      onClick={() => toggle(name)}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <header className="head">
      <BackToList />
      <Avatar
        id={details.other?.id ?? details.id}
        name={details.name}
        picture={details.avatar}
        size={40}
        square={details.kind !== "direct"}
        dot={details.other && <StatusDot id={details.other.id} />}
      />
      <div className="grow">
        <h1 className="cut">{details.name}</h1>
        <p className="sub">
          {details.kind === "direct" && details.other ? (
            <button
              type="button"
              className="underlined"
              onClick={() => main.openPanel({ name: "person", id: details.other!.id })}
            >
              {details.other.organisation ?? t("room.seeCard")}
              <StatusLine id={details.other.id} after />
            </button>
          ) : (
            <button type="button" className="underlined" onClick={() => toggle("members")}>
              {t("room.members", { count: details.members })}
              {details.organisations > 1 ? `, ${t("room.organisations", { count: details.organisations })}` : ""}
            </button>
          )}
          {details.guests && (
            <span className="tag guest">
              <Icon name="guest" size={13} />
              {t("room.guests")}
            </span>
          )}
          {details.level && (
            <span className="tag warn">
              <Icon name="shieldok" size={13} />
              {levelName(details.level, i18n.language)}
            </span>
          )}
          {details.kind === "forum" && (
            <span className="tag">
              <Icon name="globe" size={13} />
              {t("kind.forum")}
            </span>
          )}
          {!details.encrypted && details.kind !== "forum" && details.kind !== "space" && (
            <span className="tag warn">{t("room.notEncrypted")}</span>
          )}
        </p>
      </div>
      <div className="tools">
        {!phone && details.kind !== "space" && tool("search", "search", t("room.search"))}
        {!phone && details.pinned.length > 0 && tool("pins", "pin", t("room.pins", { count: details.pinned.length }))}
        {!phone && tool("members", "users", t("panel.members"))}
        {!phone && tool("details", "info", t("panel.details"))}
        {phone && (
          <Menu
            label={t("more")}
            choices={[
              { name: t("room.search"), icon: "search", run: () => toggle("search") },
              { name: t("panel.members"), icon: "users", run: () => toggle("members") },
              { name: t("panel.pins"), icon: "pin", run: () => toggle("pins") },
              { name: t("panel.files"), icon: "folder", run: () => toggle("files") },
              { name: t("panel.details"), icon: "info", run: () => toggle("details") },
            ]}
          />
        )}
      </div>
    </header>
  );
}
