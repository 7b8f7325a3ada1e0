import type { IconName } from "./icons";

/** What stands for a file of which nothing is seen. */
export function iconOf(mime: string, name: string): IconName {
  if (/sheet|excel|csv/.test(mime) || /\.(xlsx?|ods|csv)$/i.test(name)) return "sheet";
  return mime.startsWith("image/")
    ? "image"
    : mime.startsWith("audio/")
      ? "speaker"
      : mime.startsWith("video/")
        ? "video"
        : "doc";
}
