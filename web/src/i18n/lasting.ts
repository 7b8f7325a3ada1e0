/** How long something lasts, as people say it. */

const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

/** By its two largest units: "1 heure et 30 minutes"; `brief`, where there is little room: "1 h 30 min". */
export function lasting(seconds: number, language: string, brief = false): string {
  const largest = UNITS.findIndex(([, each]) => seconds >= each);
  const units = largest < 0 ? UNITS.slice(-1) : UNITS.slice(largest, largest + 2);
  const smallest = units.at(-1)![1];
  let left = Math.round(seconds / smallest) * smallest;
  const counted = units.map(([unit, each]) => {
    const count = Math.floor(left / each);
    left -= count * each;
    return { unit, count };
  });
  const told = counted.filter((each) => each.count);
  const unitDisplay = brief ? "short" : "long";
  const said = (told.length ? told : counted).map(({ unit, count }) =>
    new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay }).format(count),
  );
  return new Intl.ListFormat(language, { type: "unit", style: brief ? "narrow" : "long" }).format(said);
}
