import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { Attachment, Item, LockedReason, RoomDetails } from "../matrix/types";
import { escaped, pieces } from "../platform/html";
import { plain } from "../platform/plain";
import { mayLink } from "../viewmodels/links";
import type { RoomViewModel } from "../viewmodels/room";
import { Scanned } from "./attachment";
import { OrderCard } from "./order";
import { PlaceCard } from "./place_card";
import { PlaybookCard } from "./playbook_card";
import { RichText } from "./rich_text";
import { Icon } from "./ui/icon";
import { useApp, useLater, useMain, useSnapshot } from "./use";

interface Props {
  item: Item;
  room: RoomViewModel;
  details: RoomDetails;
  /** Where it is said. */
  thread: string | null;
  /** Locked like the message before it. */
  again?: boolean;
}

export function Contents({ item, room, details, thread, again = false }: Props) {
  const { t } = useTranslation();
  const { content } = item;
  if ("file" in content) {
    const shown = <Scanned item={item} onOpen={() => room.lookAt(item, thread)} />;
    if (content.file.caption === null) return shown;
    return (
      <figure role="group" aria-label={content.file.caption}>
        {shown}
        <figcaption>
          <Caption file={content.file} room={room} />
        </figcaption>
      </figure>
    );
  }
  switch (content.type) {
    case "text":
      return <Text item={item} room={room} details={details} />;
    case "place":
      return <PlaceCard place={content} />;
    case "order":
      return <OrderCard item={item} content={content} room={room} />;
    case "playbook":
      return <PlaybookCard item={item} content={content} />;
    case "poll":
      return <Poll item={item} room={room} />;
    case "locked":
      if (again) return <p className="txt faint">{t("line.locked")}</p>;
      return <Locked reason={content.reason} sender={item.sender.name} />;
    case "deleted":
      return (
        <p className="txt faint italic">
          {content.by && content.by !== item.sender.name ? t("message.deletedBy", { name: content.by }) : t("message.deleted")}
          {content.reason ? ` (${content.reason})` : ""}
        </p>
      );
    case "unsupported":
      return <p className="txt">{content.body}</p>;
    default:
      return null;
  }
}

/** What is said of a file. */
function Caption({ file, room }: { file: Attachment; room: RoomViewModel }) {
  if (file.captionHtml) return <RichText html={file.captionHtml} room={room} />;
  return (
    <p className="txt" dir="auto">
      {linked(file.caption ?? "")}
    </p>
  );
}

/** Text whose links can be followed. */
const linked = (text: string): React.ReactNode =>
  pieces(text).map((each, index) =>
    each.link ? (
      <a key={index} href={each.text} target="_blank" rel="noreferrer">
        {each.text}
      </a>
    ) : (
      each.text
    ),
  );

/** The same as formatted text, in which links to people and discussions have their names. */
const withLinks = (text: string): string =>
  pieces(text)
    .map(({ text: part, link }) =>
      link ? `<a href="${escaped(part)}">${escaped(part)}</a>` : escaped(part).replaceAll("\n", "<br>"),
    )
    .join("");

/** What an item says, in plain words: for announcements, copies and quotations. */
export function textFor(item: Item, t: TFunction): string {
  const { content } = item;
  if (content.type === "text" && content.html?.includes("data-mx-spoiler")) return plain(content.html); // not told before it is asked for
  if (content.type === "text" || content.type === "unsupported") return content.body;
  if (content.type === "place") return `${content.text || t("place.title")} (${content.latitude}, ${content.longitude})`;
  if (content.type === "poll") return content.question;
  if (content.type === "order") return t("order.body", { text: content.text });
  if (content.type === "playbook") return t("playbook.called", { title: content.title });
  if ("file" in content)
    return content.file.caption ?? (content.type === "file" ? content.file.name : t(`line.${content.type}`));
  if (content.type === "locked") return t("line.locked");
  return content.type === "event" ? t(content.key, content.values) : t("line.deleted");
}

function Text({ item, room, details }: { item: Item; room: RoomViewModel; details: RoomDetails }) {
  const app = useApp();
  const { origin } = useMain();
  const { linkPreviews } = useSnapshot(app.preferences);
  const content = item.content as Extract<Item["content"], { type: "text" }>;
  const html = content.html ?? (mayLink(content.body, origin) ? withLinks(content.body) : null);
  const said = content.emote && html ? `<em>${escaped(item.sender.name)}</em> ${html}` : html;
  const big = /^\p{Extended_Pictographic}(?:\p{Extended_Pictographic}|\u200d|\ufe0f|\s){0,8}$/u.test(content.body);
  const className = `txt${big ? " bigmoji" : ""}${content.notice ? " muted" : ""}`;
  return (
    <>
      {said !== null ? (
        <RichText html={said} room={room} services={content.services} className={className} />
      ) : (
        <p className={className} dir="auto">
          {content.emote && <em>{item.sender.name} </em>}
          {linked(content.body)}
        </p>
      )}
      {item.link && linkPreviews && !details.encrypted && <Preview link={item.link} ts={item.ts} />}
    </>
  );
}

/** The server opens the link, so it would learn of it: never in encrypted rooms. */
function Preview({ link, ts }: { link: string; ts: number }) {
  const app = useApp();
  const found = useLater(() => app.media.preview(link, ts), link);
  if (!found) return null;
  return (
    <a className="card preview" href={link} target="_blank" rel="noreferrer">
      {found.image && <Thumb mxc={found.image} />}
      <span className="grow min0">
        <b className="cut">{found.title}</b>
        <span className="t13 muted clamp">{found.text}</span>
      </span>
    </a>
  );
}

function Thumb({ mxc }: { mxc: string }) {
  const app = useApp();
  const url = useLater(() => app.media.picture(mxc, 96), mxc);
  return url ? <img src={url} alt="" width="56" height="56" className="thumb" /> : null;
}

function Poll({ item, room }: { item: Item; room: RoomViewModel }) {
  const { t } = useTranslation();
  const content = item.content as Extract<Item["content"], { type: "poll" }>;
  const shown = content.disclosed || content.ended;
  return (
    <div className="poll" role="group" aria-label={t("poll.label", { question: content.question })}>
      <p className="row g2 t12 muted">
        <Icon name="poll" size={14} />
        {t(content.ended ? "poll.final" : shown ? "poll.open" : "poll.hidden")}
      </p>
      <p className="strong pollq">{content.question}</p>
      {content.answers.map((each) => (
        <button
          type="button"
          key={each.id}
          className={each.mine ? "opt mine" : "opt"}
          aria-pressed={each.mine}
          disabled={content.ended || item.state !== "sent"}
          onClick={() => void room.vote(item, each.id)}
        >
          <span className="ring" />
          <span>{each.text}</span>
          {shown && <span className="num muted t13">{t("poll.votes", { count: each.votes })}</span>}
          {shown && (
            <span className="bar">
              <span style={{ width: `${content.voters ? Math.round((each.votes / content.voters) * 100) : 0}%` }} />
            </span>
          )}
        </button>
      ))}
    </div>
  );
}

const REMEDIES: Partial<Record<LockedReason, string>> = { verify: "locked.confirm", "no-backup": "locked.confirm" };

/** A message that cannot be read says why, and offers the one thing that helps. */
function Locked({ reason, sender }: { reason: LockedReason; sender: string }) {
  const { t } = useTranslation();
  const app = useApp();
  const { encryption } = useSnapshot(app);
  const actual: LockedReason =
    encryption === "unconfirmed" && (reason === "waiting" || reason === "no-backup") ? "verify" : reason;
  const remedy = encryption === "unconfirmed" ? REMEDIES[actual] : undefined;
  return (
    <div className={actual === "verify" || actual === "identity-changed" ? "state warn" : "state"}>
      <Icon name={actual === "verify" ? "key" : "lock"} size={18} />
      <div className="grow">
        <b>{t(`locked.${actual}`)}</b>
        {t(`locked.${actual}.text`, { name: sender })}
      </div>
      {remedy && (
        <button type="button" className="btn small" onClick={app.askConfirm}>
          {t(remedy)}
        </button>
      )}
    </div>
  );
}
