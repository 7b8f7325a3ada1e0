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
  "font", // an older way to say a colour
  "img", // emoji of one's own alone
];
const ATTRIBUTES = [
  "href",
  "start",
  "class",
  "src",
  "alt",
  "title",
  "color",
  "data-mx-spoiler",
  "data-mx-color",
  "data-mx-bg-color",
  "data-mx-maths",
  "data-mx-emoticon",
  "data-org-chappe-service",
];
const MXC = /^mxc:\/\/[\w.:[\]-]+\/[\w-]+$/;
const COLOUR = /^#[0-9a-f]{6}$/i;
const DEPTH = 100;
/** More than anybody writes; pictures are asked for one by one. */
const EMOTICONS = 100;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A" && /^mxc:/i.test(node.getAttribute("href") ?? "")) node.removeAttribute("href");
  if (node.nodeName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noreferrer noopener");
  }
  // a message must not dress up as a part of the page: the language of code is the only class that means something
  const language = node.nodeName === "CODE" && /^language-[\w-]+$/.test(node.getAttribute("class") ?? "");
  if (!language) node.removeAttribute("class");
});

/** `nameOf`: how somebody is called here. `services`: those that the message names, with what is shown for each. `called`: what a link is called where one knows better than the sender. `hidden`: the words on what is only shown when it is asked for. A link to a person shows that, whatever the sender has written on it. */
export function harmless(
  html: string,
  me: string,
  nameOf: (id: string) => string,
  hidden: (reason: string) => string = (reason) => reason,
  called: (href: string) => string | null = () => null,
  services: Map<string, ShownService> = new Map(),
): string {
  const clean = purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ADD_URI_SAFE_ATTR: ATTRIBUTES.filter((each) => each !== "href" && each !== "src"), // they would not pass for addresses
    ALLOWED_URI_REGEXP: /^(?:https?|mailto|matrix|mxc):/i,
    RETURN_DOM_FRAGMENT: true,
  });
  flatten(clean);
  for (const link of clean.querySelectorAll("a")) {
    const person = /^https:\/\/matrix\.to\/#\/(@[^/?]+)/.exec(safeDecode(link.getAttribute("href") ?? ""));
    const name = person ? null : called(link.getAttribute("href") ?? "");
    if (name !== null) Object.assign(link, { textContent: name, className: "at", title: link.getAttribute("href") });
    if (!person) continue;
    const pill = document.createElement("span");
    pill.className = person[1] === me ? "at me" : "at";
    pill.dataset.person = person[1];
    if (me) {
      pill.tabIndex = 0;
      pill.setAttribute("role", "button"); // opens that person's card
    }
    pill.textContent = `@${nameOf(person[1]).replace(/^@/, "")}`;
    link.replaceWith(pill);
  }
  showServices(clean, services);
  showEmoticons(clean);
  showMaths(clean);
  showColours(clean);
  hideSpoilers(clean, hidden);
  for (const head of clean.querySelectorAll("thead th")) head.setAttribute("scope", "col");
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

/** A service that a message names: as this client knows it, and words like others where the message tells nobody of it. */
export interface ShownService {
  text: string;
  title: string;
  isMine: boolean;
}

function showServices(root: DocumentFragment, services: Map<string, ShownService>): void {
  for (const each of root.querySelectorAll<HTMLElement>("[data-org-chappe-service]")) {
    const known = services.get(each.getAttribute("data-org-chappe-service") ?? "");
    each.removeAttribute("data-org-chappe-service");
    if (!known) continue;
    const pill = document.createElement("span");
    pill.className = known.isMine ? "at me" : "at";
    Object.assign(pill, { textContent: known.text, title: known.title });
    each.replaceWith(pill);
  }
}

/** Emoji of one's own: their names, until whoever shows this puts a picture in their place. Other pictures are not shown. */
function showEmoticons(root: DocumentFragment): void {
  let count = 0;
  for (const image of root.querySelectorAll("img")) {
    const name = (image.getAttribute("alt") || image.getAttribute("title") || "").slice(0, 100);
    const source = image.getAttribute("src") ?? "";
    const isEmoticon = image.hasAttribute("data-mx-emoticon") && MXC.test(source) && count++ < EMOTICONS;
    const shown = document.createElement("span");
    shown.textContent = name;
    if (isEmoticon) {
      shown.className = "emoticon";
      shown.dataset.emoticon = source;
    }
    image.replaceWith(shown);
  }
}

/** Formulas as they are written. */
function showMaths(root: DocumentFragment): void {
  for (const each of root.querySelectorAll("[data-mx-maths]")) {
    const code = document.createElement("code");
    code.className = "maths";
    code.textContent = each.getAttribute("data-mx-maths");
    each.replaceWith(code);
  }
}

/** Only the tone of a colour is the sender's: how light it is, the theme decides, so that it can be read. */
function showColours(root: DocumentFragment): void {
  for (const each of root.querySelectorAll<HTMLElement>("[data-mx-color], [data-mx-bg-color], font[color]")) {
    const text = each.getAttribute("data-mx-color") ?? each.getAttribute("color") ?? "";
    const behind = each.getAttribute("data-mx-bg-color") ?? "";
    for (const name of ["data-mx-color", "data-mx-bg-color", "color"]) each.removeAttribute(name);
    each.removeAttribute("class");
    if (COLOUR.test(behind)) {
      each.classList.add("behind");
      each.style.setProperty("--behind", behind);
    } else if (COLOUR.test(text)) {
      each.classList.add("coloured");
      each.style.setProperty("--tone", text);
    }
  }
}

/** What is shown only when it is asked for: a button, and behind it what nobody reaches until then. */
function hideSpoilers(root: DocumentFragment, hidden: (reason: string) => string): void {
  for (const each of root.querySelectorAll<HTMLElement>("[data-mx-spoiler]")) {
    if (each.parentElement?.closest(".spoiler")) continue; // one is enough
    const reason = (each.getAttribute("data-mx-spoiler") ?? "").slice(0, 200);
    const box = document.createElement("span");
    box.className = "spoiler";
    box.tabIndex = 0;
    box.setAttribute("role", "button");
    box.setAttribute("aria-expanded", "false");
    box.setAttribute("aria-label", hidden(reason));
    box.title = hidden(reason);
    const inside = document.createElement("span");
    inside.className = "inside";
    cover(inside, true);
    inside.append(...each.childNodes);
    if (reason) {
      const why = document.createElement("span");
      why.className = "why";
      why.textContent = reason;
      box.append(why);
    }
    box.append(inside);
    each.replaceWith(box);
  }
}

/** Nobody reaches it, nor hears it. */
function cover(inside: HTMLElement, isCovered: boolean): void {
  inside.inert = isCovered;
  if (isCovered) inside.setAttribute("aria-hidden", "true");
  else inside.removeAttribute("aria-hidden");
}

/** Shows what was hidden, or hides it again; false where that is not what was meant. */
export function turnSpoiler(target: Element): boolean {
  const box = target.closest<HTMLElement>(".spoiler");
  if (!box || (target.closest("a, button") && target !== box)) return false;
  const isOpen = box.classList.toggle("open");
  box.setAttribute("aria-expanded", String(isOpen));
  for (const each of box.querySelectorAll<HTMLElement>(".inside")) cover(each, !isOpen);
  // open, it is text like other text: what it says is what is read out
  if (isOpen) box.removeAttribute("aria-label");
  else box.setAttribute("aria-label", box.title);
  return true;
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
