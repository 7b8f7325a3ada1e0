/** What a message shows. */

import { type IContent, MsgType } from "matrix-js-sdk";
import { formatted, withoutFallback } from "./event_text";
import { servicesNamed } from "./named_services";
import type { Attachment, Content, EncryptedFile } from "./types";

/** Null for what is not shown. */
export function message(content: IContent): Content | null {
  switch (content.msgtype) {
    case MsgType.Text:
    case MsgType.Notice:
    case MsgType.Emote: {
      const body = withoutFallback(String(content.body ?? ""));
      const services = servicesNamed(content);
      return {
        type: "text",
        body,
        html: formatted(content),
        emote: content.msgtype === MsgType.Emote,
        notice: content.msgtype === MsgType.Notice,
        ...(services.length ? { services } : {}),
      };
    }
    case MsgType.Image:
      return { type: "image", file: attachment(content) };
    case MsgType.Video:
      return { type: "video", file: attachment(content) };
    case MsgType.Audio:
      return { type: content["org.matrix.msc3245.voice"] ? "voice" : "audio", file: attachment(content) };
    case MsgType.File:
      return { type: "file", file: attachment(content) };
    case "m.key.verification.request":
      return null;
    case MsgType.Location:
      return placeOf(content);
    default:
      return typeof content.body === "string" ? { type: "unsupported", body: content.body } : null;
  }
}

const GEO = /^geo:(-?\d{1,2}(?:\.\d+)?),(-?\d{1,3}(?:\.\d+)?)(?:,-?[\d.]+)?(;|$)/;
const ACCURACY = /;u=(\d+(?:\.\d+)?)(?:;|$)/;

/** A place (RFC 5870); its words alone, where it is none. */
// biome-ignore lint/suspicious/noExplicitAny: contents come from other people's clients
function placeOf(content: any): Content {
  const text = String(content["org.matrix.msc3488.location"]?.description ?? content.body ?? "").slice(0, 500);
  const address = String(content.geo_uri ?? content["org.matrix.msc3488.location"]?.uri ?? "").slice(0, 200);
  const found = GEO.exec(address);
  const accuracy = ACCURACY.exec(address);
  const [latitude, longitude] = [Number(found?.[1]), Number(found?.[2])];
  if (!found || Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return { type: "unsupported", body: text };
  const isOnlyAddress = /geo:/.test(text);
  return { type: "place", text: isOnlyAddress ? "" : text, latitude, longitude, accuracy: accuracy && Number(accuracy[1]) };
}

/** A body that is not the name of the file is what is said of it ("Media captions"). */
// biome-ignore lint/suspicious/noExplicitAny: contents come from other people's clients
function captionOf(content: any): Pick<Attachment, "caption" | "captionHtml"> {
  const body = withoutFallback(String(content.body ?? ""));
  if (!content.filename || !body || body === content.filename) return { caption: null, captionHtml: null };
  return { caption: body, captionHtml: formatted(content) };
}

// biome-ignore lint/suspicious/noExplicitAny: contents come from other people's clients
export function attachment(content: any): Attachment {
  const info = content.info ?? {};
  const number = (value: unknown): number | null => (typeof value === "number" && value > 0 ? value : null);
  const source = (url: unknown, file: unknown): string | EncryptedFile | null =>
    file ? (file as EncryptedFile) : typeof url === "string" ? url : null;
  const name = String(content.filename ?? content.body ?? "");
  const wave = content["org.matrix.msc1767.audio"]?.waveform;
  return {
    name,
    mime: String(info.mimetype ?? "application/octet-stream"),
    size: number(info.size) ?? 0,
    width: number(info.w),
    height: number(info.h),
    duration: number(info.duration) ?? number(content["org.matrix.msc1767.audio"]?.duration),
    waveform: Array.isArray(wave) ? wave.slice(0, 200).map(Number) : null,
    ...captionOf(content),
    source: source(content.url, content.file) ?? "",
    thumbnail: source(info.thumbnail_url, info.thumbnail_file),
  };
}
