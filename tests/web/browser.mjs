// The browsers that plays run in: Chromium, and of Debian's others Firefox where `FIREFOX` names it (by WebDriver BiDi), or WebKit's
// engine where `WEBKIT` does (by WebDriver).
import { createRequire } from "node:module";
import { launchWebKit } from "./webkit.mjs";

const require = createRequire(new URL("../clients/js/package.json", import.meta.url));
const { chromium, firefox } = require("playwright-core");

const CHROMIUM = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required",
];
/** A mouse (fine, may hover: 2 + 4), though no screen is there. */
const MOUSE = { "ui.primaryPointerCapabilities": 6, "ui.allPointerCapabilities": 6 };
const FIREFOX = { ...MOUSE, "dom.webnotifications.enabled": false, "media.navigator.streams.fake": true, "media.navigator.permission.disabled": true };
/** What Playwright asks of every page, and Debian's Firefox does not know yet: the page is shown in the system's own colours. */
const UNKNOWN_TO_FIREFOX = "emulation.setMediaFeaturesOverride";

async function launchFirefox() {
  const launched = await firefox.launch({ channel: "moz-firefox", executablePath: process.env.FIREFOX, firefoxUserPrefs: FIREFOX });
  const session = Object.getPrototypeOf(launched._connection.toImpl(launched)._browserSession);
  const { send } = session;
  session.send = function (method, parameters) {
    return method === UNKNOWN_TO_FIREFOX ? Promise.resolve({}) : send.call(this, method, parameters);
  };
  return launched;
}

export const isFirefox = Boolean(process.env.FIREFOX);
const isWebKit = Boolean(process.env.WEBKIT);
/** How pictures of other browsers than Chromium are called. */
export const engine = isFirefox ? "firefox" : isWebKit ? "webkit" : "chromium";
export const browser = isFirefox ? await launchFirefox() : isWebKit ? await launchWebKit() : await chromium.launch({ executablePath: process.env.CHROMIUM, args: CHROMIUM });
/** What a page may do without asking. Firefox has no such list: it asks, and nobody answers. */
export const PERMISSIONS = isFirefox ? [] : ["clipboard-read", "clipboard-write", "notifications"];

/**
 * Text is entered as Firefox itself does it. Playwright sets the value of a field and says that there was input; a page that keeps
 * fields by their events sees no difference then, and takes the text away again.
 */
export function typeAsFirefox() {
  const enter = (text) => {
    const at = document.activeElement;
    if (at?.tagName === "IFRAME") return at;
    document.execCommand(text ? "insertText" : "delete", false, text);
  };
  Object.defineProperty(window, "__pw_bidiInsertText", { get: () => enter, set: () => undefined });
}
