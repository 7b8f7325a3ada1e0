// Nothing goes wrong in the console on an ordinary day: the first sign-in, a room, a warm start. What a browser shows as an error,
// an operator looks for; and what is asked twice, every account asks twice.
import { arrive, assert, createRoom, play, say, sees, server } from "./stage.mjs";

const ONCE = ["/_matrix/client/v3/capabilities", "/_matrix/client/v3/profile/", "/_chappe/client/v1/configuration"];
const NEVER = ["/_chappe/client/v1/rules", "/_matrix/client/v3/voip/turnServer"]; // of a server that has neither
let page;
let wrong = [];
let asked = [];

function listen() {
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("response", (answer) => answer.status() >= 400 && wrong.push(`${answer.status()} ${answer.request().method()} ${answer.url()}`));
  page.on("requestfailed", (request) => request.failure()?.errorText !== "net::ERR_ABORTED" && wrong.push(`${request.failure()?.errorText} ${request.url()}`));
  page.on("request", (request) => request.method() === "GET" && asked.push(new URL(request.url()).pathname));
}

function isQuiet(loads) {
  assert(!wrong.length, `errors in the console: ${wrong.join("; ")}`);
  for (const each of ONCE) assert(asked.filter((path) => path.startsWith(each)).length <= loads, `asked more than once: ${each}`);
  for (const each of NEVER) assert(!asked.includes(each), `asked in vain: ${each}`);
  wrong = [];
  asked = [];
}

await play({
  async "a first sign-in, up to the first screen"() {
    page = await arrive("Sophie", { heard: (each) => ((page = each), listen()) });
    isQuiet(2); // the page before the sign-in, and after it
  },
  async "a room, and what is said in it"() {
    await createRoom(page, "Notes");
    await say(page, "Bonjour");
    await sees(page, "Bonjour");
    isQuiet(0);
  },
  async "a warm start"() {
    await page.reload();
    await sees(page, "Bonjour");
    await page.goto(`${server}/#/settings/devices`);
    await page.getByText("Cet appareil").first().waitFor();
    isQuiet(1);
  },
});
