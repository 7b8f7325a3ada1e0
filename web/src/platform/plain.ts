/** Formatted text as words, for where only a line fits. Nothing of it is loaded or run. */

const BREAKS = /<(?:br|\/p|\/li|\/h[1-6]|\/div|\/blockquote|\/pre|\/td|\/th)\b/gi;
const HIDDEN = "▒▒▒"; // a spoiler is not told by the list of rooms, nor by a notification

export function plain(html: string): string {
  const page = new DOMParser().parseFromString(html.replace(BREAKS, " $&"), "text/html");
  for (const each of page.querySelectorAll("mx-reply, script, style")) each.remove();
  for (const each of page.querySelectorAll("[data-mx-spoiler]")) each.textContent = HIDDEN;
  for (const each of page.querySelectorAll("img[alt]")) each.replaceWith(each.getAttribute("alt") ?? "");
  for (const each of page.querySelectorAll("ol, ul")) count(each);
  return (page.body.textContent ?? "").replace(/\s+/g, " ").trim();
}

/** The points of a list keep their numbers: "4. …" says what it says. */
function count(list: Element): void {
  let next = Number.parseInt(list.getAttribute("start") ?? "1", 10);
  if (!Number.isSafeInteger(next)) next = 1;
  for (const each of list.children) {
    if (each.localName !== "li") continue;
    each.prepend(list.localName === "ol" ? `${next++}. ` : "• ");
  }
}
