/** HTML of messages, made harmless: only what the specification lists may be shown. */

import DOMPurify from "dompurify";

const TAGS = [
  "del",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "blockquote",
  "p",
  "a",
  "ul",
  "ol",
  "sup",
  "sub",
  "li",
  "b",
  "i",
  "u",
  "strong",
  "em",
  "s",
  "code",
  "hr",
  "br",
  "div",
  "table",
  "thead",
  "tbody",
  "tr",
  "th",
  "td",
  "caption",
  "pre",
  "span",
  "details",
  "summary",
];
const DEPTH = 100;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noreferrer noopener");
  }
  // a message must not dress up as a part of the page: the language of code is the only class that means something
  const language = node.nodeName === "CODE" && /^language-[\w-]+$/.test(node.getAttribute("class") ?? "");
  if (!language) node.removeAttribute("class");
});

/** `nameOf`: how somebody is called here. A link to a person shows that, whatever the sender has written on it. */
export function harmless(html: string, me: string, nameOf: (id: string) => string): string {
  const clean = purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "start", "class"],
    ADD_URI_SAFE_ATTR: ["start"], // a number: it would not pass for an address
    ALLOWED_URI_REGEXP: /^(?:https?|mailto|matrix):/i,
    RETURN_DOM_FRAGMENT: true,
  });
  flatten(clean);
  for (const link of clean.querySelectorAll("a")) {
    const person = /^https:\/\/matrix\.to\/#\/(@[^/?]+)/.exec(safeDecode(link.getAttribute("href") ?? ""));
    if (!person) continue;
    const pill = document.createElement("span");
    pill.className = person[1] === me ? "at me" : "at";
    pill.dataset.person = person[1];
    pill.textContent = `@${nameOf(person[1]).replace(/^@/, "")}`;
    link.replaceWith(pill);
  }
  for (const table of clean.querySelectorAll("table")) {
    const box = document.createElement("div");
    box.className = "tablebox";
    box.tabIndex = 0;
    table.replaceWith(box);
    box.append(table);
  }
  const box = document.createElement("div");
  box.append(clean);
  return box.innerHTML;
}

function flatten(root: Node): void {
  const walk = (node: Node, depth: number): void => {
    for (const child of [...node.childNodes]) {
      if (depth > DEPTH) node.replaceChild(document.createTextNode(child.textContent ?? ""), child);
      else walk(child, depth + 1);
    }
  };
  walk(root, 0);
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const LINK = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]])/g;

/** Plain text in pieces: words and links. */
export function pieces(text: string): Array<{ text: string; link: boolean }> {
  return text
    .split(LINK)
    .filter(Boolean)
    .map((each) => ({ text: each, link: /^https?:\/\//.test(each) }));
}

/** Text as HTML. */
export const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
