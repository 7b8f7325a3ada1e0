/** What the SDK asks although there may be none, asked so that the browser's console stays without errors. */

const BACKUP = /\/_matrix\/client\/v3\/room_keys\/version$/;

/**
 * `fetch` for the SDK. Whether there is a key backup is asked at every first sign-in, when there is none: our server says so with
 * a status of success where it is asked so, and the SDK gets the answer that the specification has.
 */
export async function quietly(resource: URL | string | Request, options?: RequestInit): Promise<Response> {
  const url = resource instanceof URL ? resource : null;
  if (!url || (options?.method ?? "GET") !== "GET" || !BACKUP.test(url.pathname)) return fetch(resource, options);
  const asked = new URL(url);
  asked.searchParams.set("org.chappe.quiet", "true");
  const answer = await fetch(asked, options);
  if (answer.status !== 200) return answer;
  const body = await answer.text();
  const isError = "errcode" in JSON.parse(body);
  return new Response(body, { status: isError ? 404 : 200, headers: { "Content-Type": "application/json" } });
}
