/** A service that is called by its name: whom of the room that means, and where a text says it. */

import type { NamedService } from "../matrix/named_services";
import type { Item, Person } from "../matrix/types";
import type { ShownService } from "../platform/html";
import { plainly } from "./words";

/** Those of a room who are of one service. `name`: with the organisation, where another one has a service of that name. */
export type Service = NamedService;

/** Of a room; `service`: as membership events repeat it. */
export type Called = Person & { service?: string | null };

/** More people than a message may name: they would rather be told that it is for everybody. */
export const MOST_NAMED = 100;
const MOST_OFFERED = 3;

/** The services of a room's people, by name. */
export function servicesOf(people: Called[]): Service[] {
  const found = new Map<string, { name: string; organisation: string | null; ids: string[] }>();
  for (const { id, service, organisation } of people) {
    if (!service) continue;
    const key = `${plainly(service)}\n${organisation ?? ""}`;
    const known = found.get(key) ?? { name: service, organisation, ids: [] };
    known.ids.push(id);
    found.set(key, known);
  }
  const all = [...found.values()];
  const isOneOfSeveral = (name: string) => all.filter((each) => plainly(each.name) === plainly(name)).length > 1;
  return all
    .map(({ name, organisation, ids }) => ({
      name: organisation && isOneOfSeveral(name) ? `${name} – ${organisation}` : name,
      ids,
    }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** Those that the word after "@" may mean. */
export function servicesFor(people: Called[], word: string): Service[] {
  const asked = plainly(word);
  return servicesOf(people)
    .filter(({ name }) => [plainly(name), ...plainly(name).split(/[\s'’-]+/)].some((part) => part.startsWith(asked)))
    .slice(0, MOST_OFFERED);
}

/** Finds "@Name" in markdown, with the number after it that was sent, and whether or not signs have a backslash before them. */
const written = (name: string): RegExp =>
  new RegExp(
    `@${name.replace(/[^\p{L}\p{N}\s]/gu, (sign) => `\\\\?\\u{${sign.codePointAt(0)!.toString(16)}}`)}(?: \\\\?\\(\\d{1,4}\\\\?\\))?(?![\\p{L}\\p{N}])`,
    "gu",
  );

/** Whom a text names, the longest name first: of "@Presse régionale" the service "Presse" is not meant. */
export function servicesIn(text: string, services: Service[]): Service[] {
  const named: Service[] = [];
  let rest = text;
  for (const each of longestFirst(services)) {
    const pattern = written(each.name);
    if (!pattern.test(rest) || named.some((other) => other.name === each.name)) continue;
    named.push(each);
    rest = rest.replace(written(each.name), "\n");
  }
  return named;
}

/** A text with something in the place of each name. */
export const withServices = (text: string, services: Service[], put: (service: Service) => string): string =>
  longestFirst(services).reduce((whole, each) => whole.replace(written(each.name), () => put(each)), text);

/** What other clients show, and people read: "@Presse (6)". */
export const saidOf = ({ name, ids }: Service): string => `@${name} (${ids.length})`;

const MOST_TITLED = 12;

/** As a message shows them: with whom it tells, by name. */
export const shownServices = (services: Service[], me: string, nameOf: (id: string) => string): Map<string, ShownService> =>
  new Map(
    services.map((each) => [
      each.name,
      {
        text: saidOf(each),
        title: `${each.ids.slice(0, MOST_TITLED).map(nameOf).join(", ")}${each.ids.length > MOST_TITLED ? "…" : ""}`,
        isMine: each.ids.includes(me),
      },
    ]),
  );

export const servicesBy = ({ content }: Item): Service[] => (content.type === "text" ? (content.services ?? []) : []);

const longestFirst = (services: Service[]): Service[] => [...services].sort((a, b) => b.name.length - a.name.length);
