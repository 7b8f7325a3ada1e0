/**
 * A list that is one stop of the tab key. Up and down go through its entries, Home and End to its ends; right and left go through
 * what can be done with the entry, Escape comes back to it. It looks at the page, not at what drew it: whatever stands in an entry
 * (a link that somebody wrote, a player, a poll) is no stop of its own.
 */

import { CONTROL, give, stopsIn } from "./arrive";

interface Options {
  /** Selects what of each entry is the stop; else its first link or button is. */
  stops?: string;
  /** Which is the stop before anybody was there, and follows that end until somebody is. */
  begin?: "first" | "last";
  /** Brings an end of a list that is longer than what is drawn. */
  far?: (end: "first" | "last") => void;
}

const ENTRY = "li, article";
/** What has arrows of its own. */
const OWN_ARROWS =
  "input:not([type=checkbox],[type=button]), textarea, select, audio, video, [contenteditable=true], [role=slider], .tablebox, pre";
const FRAMES = 30;

const BY_KEY: Record<string, "first" | "last" | 1 | -1> = { ArrowDown: 1, ArrowUp: -1, Home: "first", End: "last" };

class OneStop {
  private current: HTMLElement | null = null;
  private readonly begin: "first" | "last";
  private readonly watch = new MutationObserver(() => this.settle());
  private frame = 0;

  constructor(
    private readonly box: HTMLElement,
    private readonly options: Options,
  ) {
    this.begin = options.begin ?? "first";
    this.settle();
    this.watch.observe(box, { childList: true, subtree: true });
    box.addEventListener("focusin", this.onFocus);
    box.addEventListener("keydown", this.onKey);
  }

  end(): void {
    this.watch.disconnect();
    cancelAnimationFrame(this.frame);
    this.box.removeEventListener("focusin", this.onFocus);
    this.box.removeEventListener("keydown", this.onKey);
  }

  private all(): HTMLElement[] {
    const { stops } = this.options;
    if (stops) return [...this.box.querySelectorAll<HTMLElement>(stops)];
    return [...this.box.querySelectorAll("li")].flatMap((each) => this.stopIn(each) ?? []);
  }

  /** One stop, whatever was drawn. */
  private settle(): void {
    const all = this.all();
    const isIn = this.box.contains(document.activeElement);
    const edge = this.begin === "first" ? all[0] : all.at(-1);
    if (!this.current || !this.box.contains(this.current)) this.current = edge ?? null;
    else if (this.follows && !isIn && edge) this.current = edge;
    for (const each of [...this.box.querySelectorAll<HTMLElement>(CONTROL), ...all])
      if (each !== this.current && each.getAttribute("tabindex") !== "-1") each.tabIndex = -1;
    for (const each of all) each.toggleAttribute("data-current", each === this.current);
    if (this.current) this.current.tabIndex = 0;
  }

  /** Whether the stop is the end where one begins: what comes there takes its place. */
  private follows = true;

  private stopIn(entry: Element): HTMLElement | null {
    const stops = this.options.stops ?? CONTROL;
    return entry.matches(stops) ? (entry as HTMLElement) : entry.querySelector<HTMLElement>(stops);
  }

  private entryOf(part: Element): Element | null {
    for (let each = part.closest(ENTRY); each && this.box.contains(each); each = each.parentElement?.closest(ENTRY) ?? null)
      if (this.stopIn(each)) return each;
    return null;
  }

  private stopOf(part: Element): HTMLElement | null {
    const entry = this.entryOf(part);
    return entry && this.stopIn(entry);
  }

  private readonly onFocus = (event: FocusEvent): void => {
    const stop = this.stopOf(event.target as Element);
    if (!stop) return;
    this.current = stop;
    const all = this.all();
    this.follows = stop === (this.begin === "first" ? all[0] : all.at(-1));
    this.settle();
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    const stop = this.stopOf(target);
    if (!stop || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    cancelAnimationFrame(this.frame); // whoever does the next thing is not taken to an end any more
    if (target.matches(OWN_ARROWS)) return;
    const taken = (): void => {
      event.preventDefault();
      event.stopPropagation();
    };
    const by = event.shiftKey ? undefined : BY_KEY[event.key];
    if (by === 1 || by === -1) {
      const all = this.all();
      taken();
      this.goTo(all[all.indexOf(stop) + by]);
    } else if (by) {
      taken();
      this.toEnd(by);
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      if (this.goThrough(stop, target, event.key === "ArrowRight" ? 1 : -1)) taken();
    } else if (event.key === "Enter" && target === stop && !stop.matches("a, button")) {
      if (this.goThrough(stop, target, 1)) taken();
    } else if (event.key === "Escape" && target !== stop) {
      taken();
      give(stop);
    } else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
      const menu = [...(this.entryOf(stop)?.querySelectorAll<HTMLElement>("[aria-haspopup]") ?? [])].at(-1);
      if (!menu) return;
      taken();
      give(menu);
      // as the key does there: the menu opens on its first choice
      for (const type of ["keydown", "keyup"])
        menu.dispatchEvent(new KeyboardEvent(type, { key: "Enter", bubbles: true, cancelable: true }));
    }
  };

  private goTo(stop: HTMLElement | undefined): void {
    if (!stop) return;
    give(stop);
    stop.scrollIntoView({ block: "nearest" });
  }

  /** Through what can be done with an entry, round and round; the entry itself is one of them. */
  private goThrough(stop: HTMLElement, from: HTMLElement, by: 1 | -1): boolean {
    const entry = this.entryOf(stop);
    if (!entry) return false;
    const inside = stopsIn(entry).filter((each) => each !== stop);
    const all = [stop, ...inside];
    return all.length > 1 && give(all[(all.indexOf(from) + by + all.length) % all.length]);
  }

  /** To an end, which may have to be drawn first. */
  private toEnd(end: "first" | "last"): void {
    this.options.far?.(end);
    const reach = (left: number): void => {
      const all = this.all();
      const stop = end === "first" ? all[0] : all.at(-1);
      const frame = stop?.getBoundingClientRect();
      const box = this.box.getBoundingClientRect();
      const isSeen = frame && frame.bottom > box.top && frame.top < box.bottom;
      if (stop && (isSeen || !this.options.far || left === 0)) return this.goTo(stop);
      if (left > 0) this.frame = requestAnimationFrame(() => reach(left - 1));
    };
    cancelAnimationFrame(this.frame);
    if (this.options.far) this.frame = requestAnimationFrame(() => reach(FRAMES));
    else reach(0);
  }
}

/** Makes a list one stop. What is returned ends that. */
export function oneStop(box: HTMLElement, options: Options = {}): () => void {
  const made = new OneStop(box, options);
  return () => made.end();
}

/** The same as the `ref` of a list whose entries are buttons or links. */
export const asOneStop = (box: HTMLElement | null): (() => void) | undefined => (box ? oneStop(box) : undefined);
