/** What every request says beside what is asked: the language that was chosen here, in which the server then writes mails. What the SDK asks although there may be none, asked so that the browser's console stays without errors; what it asks twice, once. */

import { clock } from "../platform/clock";

const CAPABILITIES = /\/_matrix\/client\/v3\/capabilities$/;
const A_MOMENT = 30_000;
let capabilities: Promise<Response> | null = null;

/** A key backup; servers that carry calls. */
const PERHAPS_NONE = /\/_matrix\/client\/(v3\/room_keys\/version|(v1|unstable\/org\.matrix\.msc4143)\/rtc\/transports)$/;

/**
 * `fetch` for the SDK, which asks at every start for what many have not: our server says that there is none with a status of success
 * where it is asked so, and the SDK gets the answer that the specification has.
 */
export async function quietly(resource: URL | string | Request, given?: RequestInit): Promise<Response> {
  const options = spoken(given);
  const url = resource instanceof URL ? resource : null;
  if (url && CAPABILITIES.test(url.pathname)) return onceInAMoment(() => fetch(url, options));
  if (!url || (options?.method ?? "GET") !== "GET" || !PERHAPS_NONE.test(url.pathname)) return fetch(resource, options);
  const asked = new URL(url);
  asked.searchParams.set("org.chappe.quiet", "true");
  const answer = await fetch(asked, options);
  if (answer.status !== 200) return answer;
  const body = await answer.text();
  const isError = "errcode" in JSON.parse(body);
  return new Response(body, { status: isError ? 404 : 200, headers: { "Content-Type": "application/json" } });
}

function spoken(options: RequestInit = {}): RequestInit {
  const lang = globalThis.document?.documentElement.lang;
  if (!lang) return options;
  const headers = new Headers(options.headers);
  headers.set("Accept-Language", lang);
  return { ...options, headers };
}

/** The answer to the first is that to all; one that did not come is asked for again. */
async function onceInAMoment(ask: () => Promise<Response>): Promise<Response> {
  if (!capabilities) {
    const asked = ask();
    capabilities = asked;
    const forget = (): void => {
      if (capabilities === asked) capabilities = null;
    };
    asked.then((answer) => (answer.ok ? clock.after(A_MOMENT, forget) : forget()), forget);
  }
  return (await capabilities).clone();
}
