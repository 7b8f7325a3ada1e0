/** The threads of all rooms, in the place of the list of rooms; one of them, in the place of the conversation. */

import { lazy, Suspense, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import "../styles/threads.css";
import type { Said, ThreadSummary } from "../matrix/types";
import type { RoomViewModel } from "../viewmodels/room";
import { writeRoute } from "../viewmodels/route";
import { ThreadHead } from "../viewmodels/thread_head";
import type { ThreadFilter } from "../viewmodels/threads";
import { short } from "./format";
import { Banner } from "./frame";
import { useArrival } from "./hands/arrive";
import { oneStop } from "./hands/one_stop";
import { Follow } from "./thread_follow";
import { Timeline } from "./timeline";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { Empty, Problem, Skeleton } from "./ui/parts";
import { useMain, useMedia, useOwned, useSnapshot } from "./use";
import { Writing } from "./writing";

const Viewer = lazy(() => import("./viewer/viewer").then((each) => ({ default: each.Viewer })));
const PollDialog = lazy(() => import("./poll_dialog").then((each) => ({ default: each.PollDialog })));

const FILTERS: ThreadFilter[] = ["followed", "all", "unread"];

interface Place {
  room: string | null;
  thread: string | null;
}

export function ThreadList({ room, thread }: Place) {
  const { t } = useTranslation();
  const { threads } = useMain();
  const phone = useMedia("(max-width: 767px)");
  const { filter, unread, read, count, loading, more, undo } = useSnapshot(threads);
  const box = useRef<HTMLDivElement>(null);
  const Region = phone ? "main" : "section"; // on a phone the list is the screen
  const place = useArrival<HTMLElement>("threads");
  useEffect(() => void threads.show(), [threads]);
  useEffect(() => (box.current ? oneStop(box.current) : undefined), []);
  const isOpen = (each: ThreadSummary): boolean => each.roomId === room && each.id === thread;
  return (
    <Region className="list" aria-label={t("threads.label")} data-region tabIndex={-1} ref={place}>
      <div className="listhead">
        <a className="ib" href="#/" aria-label={t("threads.back")}>
          <Icon name="left" />
        </a>
        <h1>{t("threads.title")}</h1>
        {count > 0 && (
          <button type="button" className="ib" aria-label={t("threads.readAll")} onClick={threads.markAllRead}>
            <Icon name="check" />
          </button>
        )}
      </div>
      <div className="chips" role="group" aria-label={t("threads.filter")}>
        {FILTERS.map((each) => (
          <button type="button" key={each} className="chip" aria-pressed={filter === each} onClick={() => threads.filter(each)}>
            {t(`threads.filter.${each}`)}
            {each === "unread" && count > 0 ? ` · ${count}` : ""}
          </button>
        ))}
      </div>
      <div className="rooms thrrows" ref={box}>
        {unread.length > 0 && <h2 className="sect">{t("threads.unread")}</h2>}
        <Rows threads={unread} isOpen={isOpen} />
        {unread.length > 0 && read.length > 0 && <h2 className="sect">{t("threads.read")}</h2>}
        <Rows threads={read} isOpen={isOpen} />
        {loading && unread.length + read.length === 0 && <Skeleton rows={4} />}
        {!loading && unread.length + read.length === 0 && (
          <Empty icon="thread" title={t(`threads.none.${filter}`)} text={t(`threads.noneHow.${filter}`)} />
        )}
        {filter !== "unread" && more && (
          <button type="button" className="btn quiet" disabled={loading} onClick={() => void threads.more()}>
            {t("threads.more")}
          </button>
        )}
      </div>
      <div className="donebox" role="status">
        {undo !== null && (
          <p className="donebar">
            <span className="grow">{t("threads.done", { count: undo })}</span>
            <button type="button" className="link" onClick={threads.undo}>
              {t("undo")}
            </button>
          </p>
        )}
      </div>
    </Region>
  );
}

function Rows({ threads, isOpen }: { threads: ThreadSummary[]; isOpen: (each: ThreadSummary) => boolean }) {
  const { t } = useTranslation();
  if (!threads.length) return null;
  return (
    <ul>
      {threads.map((each) => (
        <li key={`${each.roomId} ${each.id}`}>
          <a
            href={writeRoute({ screen: "threads", room: each.roomId, thread: each.id })}
            className={each.unread ? "thrrow new" : "thrrow"}
            aria-current={isOpen(each) ? "page" : undefined}
          >
            <Avatar id={each.roomId} name={each.room} picture={each.avatar} size={40} square={!each.isDirect} />
            <span className="min0">
              <span className="r cut">{each.room}</span>
              <Line className="q1 cut" said={each.root} />
              <Line className="l cut" said={each.last} />
            </span>
            <span className="m num">
              {short(each.ts)}
              {each.unread > 0 && (
                <span className="count">
                  <span aria-hidden="true">
                    {each.mentions > 0 && "@ "}
                    {each.unread > 99 ? "99+" : each.unread}
                  </span>
                  <span className="sr">, {t("threads.new", { count: each.unread })}</span>
                </span>
              )}
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

function Line({ said, className }: { said: Said | null; className: string }) {
  const { t } = useTranslation();
  return (
    <span className={className}>
      {said ? `${said.mine ? t("you") : said.sender.split(" ")[0]} : ${said.key ? t(said.key) : said.text}` : t("line.locked")}
    </span>
  );
}

/** Beside the list: the thread that was chosen. */
export function ThreadPlace({ room, thread, model }: Place & { model: RoomViewModel | null }) {
  const { t } = useTranslation();
  const main = useMain();
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      const by = { j: 1, k: -1 }[event.key] as 1 | -1 | undefined;
      // a letter alone is a key only where the focus is in the list: who speaks to the computer writes letters anywhere
      const isInList = (event.target as HTMLElement).closest(".list");
      if (!by || !isInList || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault(); // the field of the thread has the focus at once, and must not get the letter
      const next = main.threads.next(by);
      if (next) main.openThread(next.roomId, next.id);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [main]);
  if (!room || !thread)
    return (
      <main className="panel middle" data-region tabIndex={-1}>
        <Empty whole icon="thread" title={t("threads.choose")} text={t("threads.chooseText")} />
      </main>
    );
  if (!model) return <main className="panel" aria-busy="true" />;
  return <ThreadPage key={thread} id={thread} room={model} />;
}

function ThreadPage({ id, room }: { id: string; room: RoomViewModel }) {
  const { t } = useTranslation();
  const main = useMain();
  const phone = useMedia("(max-width: 767px)");
  const { details, viewing, poll } = useSnapshot(room);
  const head = useOwned(() => room.make(ThreadHead, id), `${room.id} ${id}`);
  const { thread, follows, problem } = useSnapshot(head);
  const place = useArrival<HTMLElement>(String(details !== null));
  if (!details)
    return (
      <main className="panel middle" data-region tabIndex={-1}>
        <Empty whole icon="lock" title={t("room.notHere")} text={t("room.notHereText")} />
      </main>
    );
  const { timeline, composer } = room.thread(id);
  const title = thread?.root?.mine ? t("thread.mine") : t("thread.of", { name: thread?.root?.sender ?? "…" });
  return (
    <>
      <main className="panel" tabIndex={-1} aria-label={title} ref={place}>
        <header className="head">
          {phone && (
            <a className="ib" href="#/threads" aria-label={t("threads.toList")}>
              <Icon name="left" />
            </a>
          )}
          <Avatar
            id={details.other?.id ?? details.id}
            name={details.name}
            picture={details.avatar}
            size={40}
            square={details.kind !== "direct"}
          />
          <div className="grow">
            <h1 className="cut">{title}</h1>
            <p className="sub">
              <span className="cut">{details.name}</span>
              {follows && !phone && (
                <>
                  <span aria-hidden="true">·</span>
                  <span>{t("thread.follows")}</span>
                </>
              )}
            </p>
          </div>
          <div className="tools">
            <button
              type="button"
              className={phone ? "ib" : "btn small"}
              aria-label={t("thread.inRoom")}
              onClick={() => main.openRoom(room.id, id)}
            >
              {phone ? <Icon name="chat" /> : t("thread.inRoom")}
            </button>
            <Follow head={head} />
          </div>
        </header>
        <Banner />
        <Problem problem={problem} />
        <Timeline room={room} timeline={timeline} details={details} />
        <Writing room={room} timeline={timeline} composer={composer} details={details} />
      </main>
      {viewing && (
        <Suspense>
          <Viewer room={room} of={viewing.item} thread={viewing.thread} onClose={room.lookAway} />
        </Suspense>
      )}
      {poll && (
        <Suspense>
          <PollDialog room={room} thread={id} onClose={() => room.openPoll(false)} />
        </Suspense>
      )}
    </>
  );
}
