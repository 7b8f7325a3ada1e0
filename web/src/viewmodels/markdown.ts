/** What people typed as what is sent: markdown, mentions. Loaded with a composer, not with the first page. */

import { Marked } from "marked";
import type { NamedService } from "../matrix/named_services";
import type { Outgoing } from "../matrix/types";
import { saidOf, servicesIn, withServices } from "./services";
import { type Mention, readCommand } from "./words";

const marked = new Marked({ gfm: true, breaks: true, async: false });
// what people write is text: HTML that they type is shown as they typed it
marked.use({
  renderer: {
    html: ({ text }) => escaped(text),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
  },
});

/** "||hidden||", or "||why|hidden||": shown to whoever asks for it ("Spoiler messages"). */
const SPOILER = /^\|\|(?!\|)(?:([^|\n]{1,80})\|(?!\|))?((?:(?!\|\|)[^\n]|\n(?!\n))+)\|\|/;
marked.use({
  extensions: [
    {
      name: "spoiler",
      level: "inline",
      start: (source: string) => source.indexOf("||"),
      tokenizer(source: string) {
        const match = SPOILER.exec(source);
        if (!match) return undefined;
        return { type: "spoiler", raw: match[0], reason: match[1] ?? "", tokens: this.lexer.inlineTokens(match[2]) };
      },
      renderer(token) {
        return `<span data-mx-spoiler="${escaped(String(token.reason))}">${this.parser.parseInline(token.tokens ?? [])}</span>`;
      },
    },
  ],
});

/** Markdown as HTML. */
export const toHtml = (markdown: string): string => (marked.parse(markdown) as string).trim();

/** Markdown for eyes: without the backslashes that keep a sign from meaning something. Code stays as it is. */
export const withoutSigns = (markdown: string): string =>
  markdown
    .split(/(```[\s\S]*?```|``[^\n]*?``|`[^`\n]*`)/)
    .map((part, index) => (index % 2 ? part : part.replace(/\\([\\`*_~[\]<>#+.!|-])/g, "$1")))
    .join("");

/** Finds `text` in markdown, whether or not its signs have a backslash before them. */
const asTyped = (text: string): RegExp =>
  new RegExp(
    text.replace(/[^\p{L}\p{N}\s]/gu, (sign) => `\\\\?\\u{${sign.codePointAt(0)!.toString(16)}}`),
    "gu",
  );

/** Stand for the names of services while the text becomes HTML: signs that nobody types. */
const MARKS = /[\uE000\uE001]/g;

/** Null for nothing to send. */
export function compose(
  typed: string,
  mentioned: Mention[],
  room: { id: string } = { id: "" },
  offered: NamedService[] = [],
): Outgoing | null {
  const command = readCommand(typed);
  const text = (command?.name === "me" || command?.name === "plain" ? command.rest : typed).trim().replace(MARKS, "");
  if (!text) return null;
  const services = servicesIn(text, offered);
  const body = withServices(command?.name === "plain" ? text : withoutSigns(text), services, saidOf);
  const present = mentioned.filter((each) => body.includes(`@${each.name}`));
  const mentionsRoom = /(^|\s)@(salon|room)\b/i.test(body);
  const linked = present.reduce(
    (whole, each) =>
      whole.replaceAll(asTyped(`@${each.name}`), () => `[@${each.name}](https://matrix.to/#/${encodeURIComponent(each.id)})`),
    withServices(text, services, (each) => `\uE000${services.indexOf(each)}\uE001`),
  );
  const html = command?.name === "plain" ? null : toHtml(linked).replace(/\uE000(\d+)\uE001/g, (_, at) => pill(services[at]));
  const plain = html !== null && html.replace(/^<p>([\s\S]*)<\/p>$/, "$1") === escaped(body).replaceAll("\n", "<br>");
  return {
    body,
    html: plain || html === null ? null : withoutParagraph(html),
    mentions: [...new Set([...present.map((each) => each.id), ...services.flatMap((each) => each.ids)])],
    ...(services.length ? { services } : {}),
    mentionsRoom: mentionsRoom && room.id !== "",
    emote: command?.name === "me",
  };
}

const pill = (service: NamedService): string =>
  `<span data-org-chappe-service="${escaped(service.name)}">${escaped(saidOf(service))}</span>`;
const withoutParagraph = (html: string): string => (/^<p>(?:(?!<p>)[\s\S])*<\/p>$/.test(html) ? html.slice(3, -4) : html);
const escaped = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
