/** Arrows among what stands in a row, or in lines one under the other. */

/** Where a key leads from one of them; undefined where it leads nowhere. What stands where is asked of the page. */
export function neighbour(all: HTMLElement[], from: HTMLElement, key: string, shape: "row" | "grid"): HTMLElement | undefined {
  const at = all.indexOf(from);
  if (at < 0) return undefined;
  if (key === "Home") return all[0];
  if (key === "End") return all.at(-1);
  if (key === "ArrowRight") return all[at + 1];
  if (key === "ArrowLeft") return all[at - 1];
  if (shape === "row" || (key !== "ArrowDown" && key !== "ArrowUp")) return undefined;
  const by = key === "ArrowDown" ? 1 : -1;
  const ahead = by === 1 ? all.slice(at) : all.slice(0, at).reverse();
  const top = ahead.find((each) => each.offsetTop !== from.offsetTop)?.offsetTop;
  if (top === undefined) return undefined;
  const others = all.filter((each) => each.offsetTop === top);
  const middle = from.offsetLeft + from.offsetWidth / 2;
  const away = (each: HTMLElement): number => Math.abs(each.offsetLeft + each.offsetWidth / 2 - middle);
  return others.reduce((best, each) => (away(each) < away(best) ? each : best));
}
