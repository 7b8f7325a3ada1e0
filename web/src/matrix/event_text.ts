/** What an event says, as text. */

import { type IContent, M_POLL_START, type MatrixEvent } from "matrix-js-sdk";
import { plain } from "../platform/plain";
import { readable } from "./readable";

/** What an event says, in one line, for lists and quotations. Null: nothing that a line can say. */
export function textOf(event: MatrixEvent): string | null {
  const { content } = readable(event);
  if (event.isRedacted() || !content) return null;
  if (M_POLL_START.matches(event.getType())) {
    const start = M_POLL_START.findIn<{ question?: Record<string, unknown> }>(content);
    return String(start?.question?.["org.matrix.msc1767.text"] ?? start?.question?.body ?? "");
  }
  if (typeof content.body !== "string") return null;
  const html = formatted(content);
  return (html === null ? withoutFallback(content.body).split("\n").join(" ") : plain(html)).slice(0, 200);
}

/** What was written with formatting; null for plain text. */
export function formatted(content: IContent): string | null {
  return content.format === "org.matrix.custom.html" && typeof content.formatted_body === "string"
    ? content.formatted_body.replace(/^<mx-reply>[\s\S]*?<\/mx-reply>/, "")
    : null;
}

/** Replies of older clients begin with a quotation in the text itself. */
export function withoutFallback(body: string): string {
  return body.startsWith("> <@") ? body.replace(/^(> .*\n)+\n/, "") : body;
}
