/** What this installation says of itself before anybody has signed in. */

export interface Configuration {
  serverName: string;
  mayRegister: boolean;
  brand: {
    name: string;
    colour: string;
    logoUrl: string | null;
    language: "fr" | "en";
    welcome: string | null;
    links: Partial<Record<"help" | "accessibility" | "privacy" | "status" | "terms", string>>;
  };
  features: Record<string, boolean>;
  /** The public-sector layer is on. */
  rules: boolean;
  /** The server says how fast history may be read for the index. */
  readingPace: boolean;
  /** Names of the organisations hosted here, by server name. */
  organisations: Record<string, string>;
}

export type Organisation =
  | { where: "here"; name: string; provider: string | null; serverName: string }
  | { where: "elsewhere"; url: string }
  | { where: "unknown" };

export async function loadConfiguration(): Promise<Configuration> {
  const answer = await fetch("/_chappe/client/v1/configuration");
  if (!answer.ok) throw new Error(`configuration: ${answer.status}`);
  const body = await answer.json();
  const { logo_url, ...brand } = body.brand;
  return {
    serverName: body.server_name,
    mayRegister: body.may_register,
    brand: { ...brand, logoUrl: logo_url },
    features: body.features,
    rules: body.rules ?? true, // a server of an earlier version says nothing of these
    readingPace: body.reading_pace ?? true,
    organisations: body.organisations,
  };
}

/** Whose an e-mail address is. Throws when the server cannot be asked. */
export async function findOrganisation(address: string, signal?: AbortSignal): Promise<Organisation> {
  const answer = await fetch(`/_chappe/client/v1/organisation?address=${encodeURIComponent(address)}`, { signal });
  if (answer.status === 404 || answer.status === 400) return { where: "unknown" };
  if (!answer.ok) throw new Error(`organisation: ${answer.status}`);
  const body = await answer.json();
  if (body.where === "elsewhere") return { where: "elsewhere", url: body.url };
  return { where: "here", name: body.name, provider: body.provider ?? null, serverName: body.server_name };
}
