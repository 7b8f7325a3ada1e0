/** What of an event is looked for. */

import { EventType, type IContent, M_POLL_START, type MatrixEvent, MsgType } from "matrix-js-sdk";
import { FILES, type Kind } from "../platform/search_query";
import type { Read } from "../platform/search_store";
import { roomOf, senderOf } from "./event_facts";
import { textOf } from "./event_text";
import { edited } from "./readable";

const LONGEST = 8000;

const KINDS: Record<string, Kind> = {
  [MsgType.Text]: "text",
  [MsgType.Notice]: "text",
  [MsgType.Emote]: "text",
  [MsgType.Location]: "text",
  [MsgType.Image]: "image",
  [MsgType.Video]: "video",
  [MsgType.Audio]: "sound",
  [MsgType.File]: "document",
};

/** `content`: what could be read of it. Null for what is not looked for. */
export function readOf(event: MatrixEvent, content: IContent): Read | null {
  const isEdit = event.isRelation("m.replace");
  const said = isEdit ? edited(event) : content;
  const eventId = isEdit ? event.getRelation()?.event_id : event.getId();
  const read = said && kindAndText(event, said);
  if (!read?.text || !eventId) return null;
  return { eventId, roomId: roomOf(event), sender: senderOf(event), ts: event.getTs(), ...read, isEdit };
}

function kindAndText(event: MatrixEvent, content: IContent): Pick<Read, "kind" | "text"> | null {
  if (M_POLL_START.matches(event.getType())) return { kind: "text", text: textOf(event) ?? "" };
  const kind = event.getType() === EventType.RoomMessage ? KINDS[String(content.msgtype)] : undefined;
  const { body, filename } = content;
  if (!kind || typeof body !== "string") return null;
  const hasName = FILES.includes(kind) && typeof filename === "string" && filename && filename !== body;
  return { kind, text: (hasName ? `${filename} ${body}` : body).slice(0, LONGEST) };
}
