import { useTranslation } from "react-i18next";
import type { RoomDetails } from "../../matrix/types";
import { clock, isoDay } from "../../platform/clock";
import { placeOf } from "../../platform/search_words";
import { PinsViewModel } from "../../viewmodels/pins";
import type { RoomViewModel } from "../../viewmodels/room";
import { RoomFilesViewModel } from "../../viewmodels/room_files";
import { RoomSearchViewModel } from "../../viewmodels/search";
import type { TimelineViewModel } from "../../viewmodels/timeline";
import { FileCard } from "../attachment";
import { day, full } from "../format";
import { asOneStop } from "../hands/one_stop";
import { Icon } from "../ui/icon";
import { Empty, Skeleton } from "../ui/parts";
import { WhenInput } from "../ui/when_field";
import { useMade, useMain, useOwned, useSnapshot } from "../use";

/** Messages found in this room, and jumping to a day. */
export function SearchInRoom({ room, timeline }: { room: RoomViewModel; timeline: TimelineViewModel }) {
  const { t } = useTranslation();
  const model = useMade(RoomSearchViewModel, room.id, room.id);
  const main = useMain();
  const { term, found, count } = useSnapshot(model);
  return (
    <div className="panelbody">
      <div className="input">
        <Icon name="search" size={18} />
        <input
          aria-label={t("room.search")}
          title={t("room.search")}
          placeholder={t("search.placeholder")}
          value={term}
          onChange={(event) => model.type(event.target.value)}
          data-next
        />
      </div>
      <div className="field mt3">
        <label htmlFor="jump">{t("search.day")}</label>
        <WhenInput
          what="date"
          id="jump"
          value=""
          when="done"
          max={isoDay(clock.now())}
          onValue={(day) => day && void timeline.jumpToDay(new Date(`${day}T00:00`))}
        />
      </div>
      <div className="row g2 mt3 wrap">
        <button type="button" className="btn small" onClick={() => void timeline.jumpToDay(new Date(0))}>
          {t("search.first")}
        </button>
        <button type="button" className="btn small" onClick={() => void timeline.jumpToUnread()}>
          {t("search.unread")}
        </button>
      </div>
      <p className="hint" role="status">
        {term.trim() ? t("search.count", { count }) : t("search.local")}
      </p>
      <p className="tofilters">
        <button type="button" className="link t13" onClick={() => main.search({ term, room: room.id })}>
          {t("search.filtered")}
        </button>
      </p>
      <ul className="hits" ref={asOneStop}>
        {found.map((each) => (
          <li key={each.eventId}>
            <button type="button" onClick={() => void timeline.jump(each.eventId)}>
              <span className="row g2 spread">
                <b>{each.sender}</b>
                <time className="t12 faint">{day(each.ts)}</time>
              </span>
              <Marked text={each.text} term={term} />
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** A text around the words that were looked for. */
export function Marked({ text, term }: { text: string; term: string }) {
  const place = placeOf(text, term);
  if (!place) return <span className="clamp">{text.slice(0, 200)}</span>;
  const [at, end] = place;
  const from = Math.max(0, at - 60);
  return (
    <span className="clamp">
      {from > 0 && "…"}
      {text.slice(from, at)}
      <mark>{text.slice(at, end)}</mark>
      {text.slice(end, at + 160)}
    </span>
  );
}

export function Pins({ room, timeline, details }: { room: RoomViewModel; timeline: TimelineViewModel; details: RoomDetails }) {
  const { t } = useTranslation();
  const model = useOwned(() => room.make(PinsViewModel), room.id);
  const { pins } = useSnapshot(model);
  if (!details.pinned.length)
    return (
      <div className="panelbody">
        <Empty icon="pin" title={t("pins.none")} text={t("pins.how")} />
      </div>
    );
  if (!pins)
    return (
      <div className="panelbody">
        <Skeleton rows={3} />
      </div>
    );
  return (
    <div className="panelbody">
      <ul className="hits" ref={asOneStop}>
        {pins.map(({ id, event }) => (
          <li key={id}>
            <button type="button" onClick={() => void timeline.jump(id)}>
              {event ? (
                <>
                  <span className="row g2 spread">
                    <b>{event.mine ? t("you") : event.sender}</b>
                    <time className="t12 faint">{full(event.ts)}</time>
                  </span>
                  <span className="clamp">{event.key ? t(event.key) : event.text}</span>
                </>
              ) : (
                <span className="muted">{t("pins.gone")}</span>
              )}
            </button>
            {details.may.pin && (
              <button type="button" className="link t13" onClick={() => void room.settings.pin(id, false)}>
                {t("message.unpin")}
              </button>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Files and pictures of the history that is loaded; more on demand. */
export function Files({ room }: { room: RoomViewModel }) {
  const { t } = useTranslation();
  const model = useOwned(() => room.make(RoomFilesViewModel), room.id);
  const { files, more } = useSnapshot(model);
  return (
    <div className="panelbody">
      {files === null && <Skeleton rows={4} />}
      {files?.length === 0 && <Empty icon="folder" title={t("files.none")} text={t("files.noneText")} />}
      <ul className="filelist" ref={asOneStop}>
        {files?.map((each) => (
          <li key={each.eventId}>
            <p className="t12 muted">
              {each.sender} · {full(each.ts)}
            </p>
            <FileCard file={each.file} onOpen={() => room.lookAt(each.item, null)} />
          </li>
        ))}
      </ul>
      {files !== null && more && (
        <button type="button" className="btn quiet" onClick={() => void model.older()}>
          {t("files.more")}
        </button>
      )}
    </div>
  );
}
