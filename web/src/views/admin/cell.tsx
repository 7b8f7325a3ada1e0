import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { Row } from "../../matrix/console";
import { clock } from "../../platform/clock";
import { type AdminViewModel, waitingWord } from "../../viewmodels/admin";
import type { As } from "../../viewmodels/admin_views";
import { ago, count, date, full, levelName, moment, monthOf, seconds, size } from "../format";
import { Avatar } from "../ui/avatar";
import { Icon } from "../ui/icon";
import { useApp, useSnapshot } from "../use";
import { verdictOf } from "../verdict";

interface Props {
  row: Row;
  field: string;
  as: As;
  model: AdminViewModel;
  onOpen?: (id: string) => void;
}

/** One value of an entry, as people read it. */
export function Cell({ row, field, as, model, onOpen }: Props) {
  const { t } = useTranslation();
  const value = row[field];
  if (as === "state") return <State row={row} />;
  if (as === "room") return <Room row={row} />;
  if (as === "file") return <File row={row} />;
  const waiting = as === "outcome" ? waitingWord(row) : null;
  if (waiting) return <span className={row.approvers === 0 ? "tag danger" : "tag"}>{t(waiting)}</span>;
  if (value === null || value === undefined || value === "") return <span className="faint">–</span>;
  switch (as) {
    case "person":
      return <Who row={row} id={String(value)} model={model} onOpen={onOpen} />;
    case "someone":
      return <span className="anywhere">{String(row.organisation_label ?? byName(String(value), model, t))}</span>;
    case "date":
      return <span className="num">{date(Number(value))}</span>;
    case "month":
      return <span className="num">{monthOf(String(value))}</span>;
    case "time":
      return (
        <time className="num" dateTime={new Date(Number(value)).toISOString()} title={full(Number(value))}>
          {ago(Number(value))}
        </time>
      );
    case "moment":
      return <time dateTime={new Date(Number(value)).toISOString()}>{moment(Number(value))}</time>;
    case "clock":
      return (
        <time className="num" dateTime={new Date(Number(value)).toISOString()} title={full(Number(value))}>
          {seconds(Number(value))}
        </time>
      );
    case "author":
      return <Author who={String(value)} model={model} />;
    case "bytes":
      return <span className="num">{size(Number(value))}</span>;
    case "number":
      return <span className="num">{count(Number(value))}</span>;
    case "list":
      return <span className="anywhere">{(value as string[]).map((each) => called(each, model)).join(", ") || "–"}</span>;
    case "word":
    case "outcome":
      return (
        <span className="anywhere">
          {t(`admin.do.${value}`, { defaultValue: t(`admin.word.${value}`, { defaultValue: String(value) }) })}
        </span>
      );
    case "detail":
      return <Detail value={value as Row} model={model} />;
    default:
      return <span className="anywhere">{String(value)}</span>;
  }
}

function Who({ row, id, model, onOpen }: { row: Row; id: string; model: AdminViewModel; onOpen?: (id: string) => void }) {
  const { t } = useTranslation();
  const person = model.person(id, row);
  const name = (
    <span className="min0">
      <span className="strong block">{person.name}</span>
      <span className="t12 muted block anywhere">{shortOf(id)}</span>
    </span>
  );
  return (
    <span className="row g3">
      <Avatar id={id} name={person.name} picture={person.avatar} size={32} />
      {onOpen ? (
        <button type="button" className="left" onClick={() => onOpen(id)}>
          {name}
          <span className="sr">{t("admin.openPerson")}</span>
        </button>
      ) : (
        name
      )}
    </span>
  );
}

/** Who did something, with their face; what was done at the command line has none. */
function Author({ who, model }: { who: string; model: AdminViewModel }) {
  const { t } = useTranslation();
  const name = byName(who, model, t);
  return (
    <span className="row g2 authored">
      {who.startsWith("@") ? (
        <Avatar id={who} name={name} picture={model.person(who).avatar} size={26} />
      ) : (
        <Icon name="key" size={18} />
      )}
      <span className="min0">{name}</span>
    </span>
  );
}

/** What stands before the server: whoever administers knows which that is. */
const shortOf = (id: string): string => id.replace(/^@/, "").split(":")[0];

function State({ row }: { row: Row }) {
  const { t } = useTranslation();
  const ends = Number(row.expires_ts ?? 0);
  const days = Math.ceil((ends - clock.now()) / 86_400_000);
  return (
    <span className="row g1 wrap">
      {row.locked ? (
        <span className="tag danger">{t("admin.state.locked")}</span>
      ) : ends && days <= 0 ? (
        <span className="tag danger">{t("admin.state.expired")}</span>
      ) : ends && days <= 30 ? (
        <span className="tag warn">{t("admin.state.ends", { count: days })}</span>
      ) : (
        <span className="tag ok">{t("admin.state.active")}</span>
      )}
      {Boolean(row.administers) && <span className="tag accent">{t("admin.state.administers")}</span>}
      {row.kind === "function" && <span className="tag">{t("admin.state.post")}</span>}
    </span>
  );
}

function Room({ row }: { row: Row }) {
  const { t, i18n } = useTranslation();
  const { rules } = useSnapshot(useApp());
  const kind = row.is_forum
    ? "forum"
    : row.access === "direct"
      ? "direct"
      : row.access === "unrestricted"
        ? "guests"
        : "private";
  const level = rules?.classifications.find((each) => each.name === row.classification);
  return (
    <span className="min0">
      <span className="strong block anywhere">{String(row.name ?? t("admin.unnamed"))}</span>
      <span className="row g1 wrap">
        <span className={kind === "guests" ? "tag guest" : "tag"}>{t(`kind.${kind}`)}</span>
        {level && <span className="tag warn">{levelName(level, i18n.language)}</span>}
        {row.administrators === 0 && <span className="tag danger">{t("admin.state.orphan")}</span>}
        {Boolean(row.blocked) && <span className="tag danger">{t("admin.state.blocked")}</span>}
      </span>
    </span>
  );
}

function File({ row }: { row: Row }) {
  const { t } = useTranslation();
  return (
    <span className="min0">
      <span className="strong block anywhere">{String(row.file_name ?? row.media_id)}</span>
      <span className="row g1 wrap">
        {row.released_by ? (
          <span className="tag ok">{t("admin.state.released")}</span>
        ) : (
          Boolean(row.reason) && <span className="tag danger">{t("admin.state.stopped")}</span>
        )}
        {Boolean(row.quarantined_by) && <span className="tag warn">{t("admin.state.quarantined")}</span>}
      </span>
      {Boolean(row.info) && <span className="t12 muted block anywhere">{verdictOf(String(row.info), t)}</span>}
    </span>
  );
}

/** Who did something: a person, or somebody at the server's command line. */
const byName = (who: string, model: AdminViewModel, t: TFunction): string => {
  const name = /^command line \((.+)\)$/.exec(who)?.[1];
  return name === undefined ? called(who, model) : t("admin.commandLine", { name });
};

const called = (id: string, model: AdminViewModel): string => model.nameOf(id);

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** What an action was about, a line each. What was left as it is by default says nothing. */
export function Detail({ value, model }: { value: Row; model: AdminViewModel }) {
  const { t } = useTranslation();
  const shown = Object.entries(value).filter(
    ([key, each]) =>
      key !== "organisation" && !(key === "outcome" && each === "done") && each !== false && each !== null && !isEmpty(each),
  );
  const said = (key: string, each: unknown): string => {
    if (Array.isArray(each)) return each.map((one) => said(key, one)).join(", ");
    if (typeof each === "object") return JSON.stringify(each);
    if (key.endsWith("_ts") && typeof each === "number") return moment(each);
    if (key === "view") return t(`admin.view.${each}`, { defaultValue: String(each) });
    if (key === "action") return t(`admin.do.${each}`, { defaultValue: String(each) });
    return t(`admin.word.${each}`, { defaultValue: called(String(each), model) });
  };
  return (
    <ul className="t13">
      {shown.map(([key, each]) => (
        <li key={key} className="anywhere">
          <span className="muted">
            {t(`admin.detail.${key}`, { defaultValue: t(`admin.field.${key}`, { defaultValue: key }) })}
          </span>{" "}
          {said(key, each)}
        </li>
      ))}
    </ul>
  );
}
