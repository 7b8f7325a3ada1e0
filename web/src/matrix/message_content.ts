/** What people say, as the contents of events (client-server API, "m.room.message"). */

import { MsgType, RelationType, type Room } from "matrix-js-sdk";
import type { RoomMessageEventContent } from "matrix-js-sdk/lib/@types/events";
import type { PreparedFile } from "../platform/prepared_file";
import { servicesContent } from "./named_services";
import type { EncryptedFile, Outgoing } from "./types";

/** Contents are put together key by key: the SDK's types, one for each kind of message, cannot follow that. */
export const sendable = (content: object): RoomMessageEventContent => content as RoomMessageEventContent;

export function messageContent(room: Room, message: Outgoing, threadId: string | null): RoomMessageEventContent {
  const content: Record<string, unknown> = {
    msgtype: message.emote ? MsgType.Emote : MsgType.Text,
    body: message.body,
    ...(message.html ? { format: "org.matrix.custom.html", formatted_body: message.html } : {}),
    "m.mentions": mentions(message),
    ...servicesContent(message.services),
  };
  if (message.edits) {
    return sendable({
      ...content,
      body: `* ${message.body}`,
      ...(message.html ? { formatted_body: `* ${message.html}` } : {}),
      "m.mentions": mentions({ ...message, mentions: message.mentions.filter((each) => !message.told?.includes(each)) }),
      "m.new_content": content,
      "m.relates_to": { rel_type: RelationType.Replace, event_id: message.edits },
    });
  }
  return sendable({ ...content, ...relation(room, message.replyTo, threadId) });
}

const mentions = (message: Outgoing | null): object => ({
  ...(message?.mentions.length ? { user_ids: message.mentions } : {}),
  ...(message?.mentionsRoom ? { room: true } : {}),
});

/** What a message belongs to: its thread, what it answers. */
function relation(room: Room, replyTo: string | undefined, threadId: string | null): object {
  if (threadId) {
    const last = room.getThread(threadId)?.replyToEvent?.getId() ?? threadId;
    return {
      "m.relates_to": {
        rel_type: RelationType.Thread,
        event_id: threadId,
        is_falling_back: !replyTo,
        "m.in_reply_to": { event_id: replyTo ?? last },
      },
    };
  }
  return replyTo ? { "m.relates_to": { "m.in_reply_to": { event_id: replyTo } } } : {};
}

/** Where the bytes of a file are, on the server: in the clear, or sealed. */
export interface Placed {
  source: string | EncryptedFile;
  thumbnail: string | EncryptedFile | null;
}

export function fileContent(
  room: Room,
  file: PreparedFile,
  { source, thumbnail }: Placed,
  caption: Outgoing | null,
  threadId: string | null,
): RoomMessageEventContent {
  const types = { image: MsgType.Image, video: MsgType.Video, audio: MsgType.Audio, voice: MsgType.Audio, file: MsgType.File };
  const content: Record<string, unknown> = {
    msgtype: types[file.kind],
    body: caption?.body || file.name,
    filename: file.name, // another body is what is said of it
    ...(caption?.html ? { format: "org.matrix.custom.html", formatted_body: caption.html } : {}),
    info: infoOf(file, thumbnail),
    ...at(source, "url", "file"),
    "m.mentions": mentions(caption),
    ...servicesContent(caption?.services),
    ...relation(room, caption?.replyTo, threadId),
  };
  if (file.kind === "voice") {
    content["org.matrix.msc3245.voice"] = {};
    content["org.matrix.msc1767.audio"] = { duration: Math.round(file.duration ?? 0), waveform: file.waveform ?? [] };
  }
  return sendable(content);
}

function infoOf(file: PreparedFile, thumbnail: Placed["thumbnail"]): object {
  const info: Record<string, unknown> = { mimetype: file.blob.type || "application/octet-stream", size: file.blob.size };
  if (file.width) Object.assign(info, { w: file.width, h: file.height });
  if (file.duration) info.duration = Math.round(file.duration);
  if (file.thumbnail && thumbnail) {
    Object.assign(info, at(thumbnail, "thumbnail_url", "thumbnail_file"));
    const { blob, width: w, height: h } = file.thumbnail;
    info.thumbnail_info = { mimetype: blob.type, size: blob.size, w, h };
  }
  return info;
}

const at = (source: string | EncryptedFile, plain: string, sealed: string): object =>
  typeof source === "string" ? { [plain]: source } : { [sealed]: source };
