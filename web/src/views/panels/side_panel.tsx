import { useTranslation } from "react-i18next";
import type { RoomDetails } from "../../matrix/types";
import type { RoomViewModel } from "../../viewmodels/room";
import type { Panel } from "../../viewmodels/route";
import { ThreadHead } from "../../viewmodels/thread_head";
import { useArrival } from "../hands/arrive";
import { Follow } from "../thread_follow";
import { Timeline } from "../timeline";
import { Icon } from "../ui/icon";
import { useMain, useMedia, useOwned } from "../use";
import { Writing } from "../writing";
import { Details } from "./details";
import { Files, Pins, SearchInRoom } from "./found";
import { Members } from "./members";
import { PersonCard } from "./person";

interface Props {
  room: RoomViewModel;
  details: RoomDetails;
  panel: Panel;
  /** Whose card one comes back from. */
  from: string | null;
}

export function SidePanel({ room, details, panel, from }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const covers = useMedia("(max-width: 1023px)");
  const Region = covers ? "main" : "aside"; // where it covers the conversation it is the page
  const title = t(`panel.${panel.name}`);
  const place = useArrival<HTMLElement>("panel");
  return (
    <Region className="panel side" aria-label={title} data-region tabIndex={-1} ref={place}>
      <header className="head">
        {panel.name === "person" && (
          <button
            type="button"
            className="ib"
            aria-label={t("panel.members")}
            onClick={() => main.openPanel({ name: "members" })}
          >
            <Icon name="left" />
          </button>
        )}
        <div className="grow">
          {covers && <h1 className="sr">{details.name}</h1>}
          <h2>{title}</h2>
          <p className="sub cut">{details.name}</p>
        </div>
        {panel.name === "thread" && <ThreadBell room={room} id={panel.id} />}
        <button type="button" className="ib" aria-label={t("close")} onClick={() => main.openPanel(null)}>
          <Icon name="x" />
        </button>
      </header>
      <Body room={room} details={details} panel={panel} from={from} />
    </Region>
  );
}

function ThreadBell({ room, id }: { room: RoomViewModel; id: string }) {
  const head = useOwned(() => room.make(ThreadHead, id), id);
  return <Follow head={head} />;
}

function Body({ room, details, panel, from }: Props) {
  const { timeline } = room;
  switch (panel.name) {
    case "thread":
      return <Thread id={panel.id} room={room} details={details} />;
    case "members":
      return <Members room={room} details={details} from={from} />;
    case "person":
      return <PersonCard id={panel.id} room={room} details={details} />;
    case "pins":
      return timeline && <Pins room={room} timeline={timeline} details={details} />;
    case "files":
      return <Files room={room} />;
    case "search":
      return timeline && <SearchInRoom room={room} timeline={timeline} />;
    default:
      return <Details room={room} details={details} />;
  }
}

function Thread({ id, room, details }: { id: string; room: RoomViewModel; details: RoomDetails }) {
  const { timeline, composer } = room.thread(id);
  return (
    <>
      <Timeline room={room} timeline={timeline} details={details} />
      <Writing room={room} timeline={timeline} composer={composer} details={details} />
    </>
  );
}
