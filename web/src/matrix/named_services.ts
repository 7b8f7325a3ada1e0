/** Services that a message names: `org.chappe.services`, by name the users of it whom `m.mentions` names too. */

/** A service that a message names, with those of it who are told. */
export interface NamedService {
  name: string;
  ids: string[];
}

/** A message: nothing where it names none. */
export interface NamesServices {
  services?: NamedService[];
}

const SERVICES = "org.chappe.services";
const MOST = 20;
const LONGEST = 600;

export const servicesContent = (services: NamedService[] | undefined): object =>
  services?.length ? { [SERVICES]: Object.fromEntries(services.map(({ name, ids }) => [name, ids])) } : {};

/** What a message says that it names. Nobody is of it who is not told: then it is words like others. */
export function servicesNamed(content: Record<string, unknown>): NamedService[] {
  const said = content[SERVICES];
  const told = (content["m.mentions"] as { user_ids?: unknown } | undefined)?.user_ids;
  if (typeof said !== "object" || said === null || Array.isArray(said) || !Array.isArray(told)) return [];
  const known = new Set(told);
  return Object.entries(said)
    .slice(0, MOST)
    .flatMap(([name, users]) => {
      const ids = Array.isArray(users) ? [...new Set<string>(users)].filter((each) => known.has(each)) : [];
      return ids.length && name.length <= LONGEST ? [{ name, ids }] : [];
    });
}
