// WebKit's engine as plays know a browser. Debian has it with a WebDriver and without Playwright's protocol, so what plays use of
// Playwright's pages is said to the WebDriver here. What a locator finds is found by Playwright's own script, in the page.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(new URL("../clients/js/package.json", import.meta.url));
const { iso } = require("playwright-core/lib/coreBundle");
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf"; // WebDriver's name of an element
const KEYS = { Enter: "\uE007", Escape: "\uE00C", Tab: "\uE004", Backspace: "\uE003" };
const TRY_AGAIN = /click intercepted|not interactable|stale element|out of bounds|not found/;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The script by which Playwright finds elements: it is in its bundle, and has no name outside. */
function finder() {
  const bundle = readFileSync(require.resolve("playwright-core/lib/coreBundle"), "utf8");
  const literal = /injectedScriptSource\.ts"\(\) \{\s*"use strict";\s*\w+ = ('(?:[^'\\]|\\.)*');/s.exec(bundle);
  if (!literal) throw new Error("this release of playwright-core keeps its script elsewhere");
  const source = new Function(`return ${literal[1]}`)();
  const options = { isUnderTest: false, sdkLanguage: "javascript", testIdAttributeName: "data-testid", stableRafCount: 1, browserName: "webkit", isUtilityWorld: true, customEngines: [] };
  return `window.__finder ??= (() => { const module = {}; ${source}; return new (module.exports.InjectedScript())(globalThis, ${JSON.stringify(options)}); })();
    window.__errors ??= (() => { const told = []; addEventListener("error", (e) => e.error && told.push(String(e.error.stack))); return told; })();`;
}

let found; // the script that puts what a selector finds into `all`

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A window of its own, with a profile that ends with it. */
class Session {
  static async open(viewport) {
    const { screen, display } = await openScreen();
    const session = Object.assign(new Session(), { screen });
    const port = await freePort();
    // it speaks the language of a locale that is installed: in none, French is what the client falls back to
    const env = { ...process.env, DISPLAY: display, LC_ALL: "C.UTF-8", WEBKIT_DISABLE_COMPOSITING_MODE: "1", NO_AT_BRIDGE: "1" };
    session.driver = spawn("WebKitWebDriver", ["-p", String(port)], { env, stdio: "ignore" });
    session.base = `http://127.0.0.1:${port}/session`;
    const options = { "webkitgtk:browserOptions": { binary: process.env.WEBKIT, args: ["--automation"] } };
    const { sessionId } = await session.begin({ capabilities: { alwaysMatch: options } });
    session.base += `/${sessionId}`;
    await session.call("POST", "/window/rect", viewport);
    return session;
  }

  /** The driver listens a moment after it was started. */
  async begin(wanted) {
    for (let tries = 0; ; tries += 1) {
      try {
        return await this.call("POST", "", wanted);
      } catch (error) {
        if (tries === 100 || error.cause?.code !== "ECONNREFUSED") throw error;
        await pause(100);
      }
    }
  }

  async call(method, path, body = method === "POST" ? {} : undefined) {
    const answer = await fetch(this.base + path, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  run(script, ...args) {
    return this.call("POST", "/execute/sync", { script, args });
  }

  async close() {
    await this.call("DELETE", "").catch(() => {});
    this.kill();
  }

  kill() {
    this.driver.kill();
    this.screen.kill();
  }
}

const attribute = (value, exact) => (value instanceof RegExp ? String(value) : iso.escapeForAttributeSelector(value, exact));

/** Whatever has places in it: a page, or what was found in one. */
class Root {
  constructor(page, selector) {
    this.page = page;
    this.selector = selector;
  }

  at(part) {
    return new Locator(this.page ?? this, this.selector ? `${this.selector} >> ${part}` : part);
  }

  getByRole(role, { name, exact = false } = {}) {
    return this.at(`internal:role=${role}${name === undefined ? "" : `[name=${attribute(name, exact)}]`}`);
  }

  getByText(text, { exact = false } = {}) {
    return this.at(`internal:text=${iso.escapeForTextSelector(text, exact)}`);
  }

  getByLabel(text, { exact = false } = {}) {
    return this.at(`internal:label=${iso.escapeForTextSelector(text, exact)}`);
  }

  getByTestId(id) {
    return this.at(`internal:testid=[data-testid=${attribute(id, true)}]`);
  }

  locator(css, { hasText } = {}) {
    return hasText === undefined ? this.at(css) : this.at(css).filter({ hasText });
  }
}

class Locator extends Root {
  filter({ hasText }) {
    return this.at(`internal:has-text=${iso.escapeForTextSelector(hasText, false)}`);
  }

  first() {
    return this.at("nth=0");
  }

  last() {
    return this.at("nth=-1");
  }

  /** What a script says of all that is found; `all` are the elements, `arguments[1]` is `given`. */
  ask(script, given) {
    return this.page.run(`${found} ${script}`, this.selector, given);
  }

  count() {
    return this.ask("return all.length;");
  }

  isVisible() {
    return this.ask('return all.length > 0 && __finder.elementState(all[0], "visible", true).matches;');
  }

  isEditable() {
    return this.ask('return __finder.elementState(all[0], "editable", true).matches;');
  }

  async waitFor({ state = "visible", timeout } = {}) {
    const is = { visible: () => this.isVisible(), attached: () => this.count(), hidden: async () => !(await this.isVisible()), detached: async () => !(await this.count()) }[state];
    await this.page.until(`${this.selector} ${state}`, is, timeout);
  }

  /** Does something with the one element, until it could be done. */
  async act(what, action, timeout) {
    let refused = "it was not there";
    const done = await this.page.until(() => `${this.selector} ${what}: ${refused}`, async () => {
      try {
        const element = await this.ask('const one = all.filter((each) => __finder.elementState(each, "visible", true).matches || each.type === "file"); if (one.length > 1) throw new Error(`${one.length} of ${arguments[0]}`); return one[0] ?? null;');
        return element && [await action(element)];
      } catch (error) {
        if (!TRY_AGAIN.test(error.message)) throw error;
        refused = error.message;
      }
    }, timeout);
    return done[0];
  }

  click({ timeout } = {}) {
    return this.act("click", (element) => this.page.session.call("POST", `/element/${element[ELEMENT]}/click`), timeout);
  }

  hover() {
    return this.act("hover", (origin) => this.page.perform("pointer", [{ type: "pointerMove", origin, x: 0, y: 0 }]));
  }

  async check() {
    if (!(await this.ask("return Boolean(all[0]?.checked);"))) await this.click();
  }

  fill(text) {
    return this.act("fill", async (element) => {
      const done = await this.page.run('const said = __finder.fill(arguments[0], arguments[1]); if (said === "needsinput") document.execCommand(arguments[1] ? "insertText" : "delete", false, arguments[1]); return said;', element, text);
      if (!["needsinput", "done"].includes(done)) throw new Error(`not interactable: ${done}`);
    });
  }

  async press(key) {
    await this.act("press", (element) => this.page.run("arguments[0].focus();", element));
    await this.page.keyboard.press(key);
  }

  innerText() {
    return this.act("read", (element) => this.page.run("return arguments[0].innerText;", element));
  }

  async setInputFiles(files) {
    const paths = [files].flat().map(({ name, buffer }) => {
      const path = join(mkdtempSync(join(this.page.folder, "file-")), name);
      writeFileSync(path, buffer);
      return path;
    });
    await this.act("files", (element) => this.page.session.call("POST", `/element/${element[ELEMENT]}/value`, { text: paths.join("\n") }));
  }
}

class Page extends Root {
  timeout = 30_000;
  heard = {};

  constructor(session, folder) {
    super(null, "");
    Object.assign(this, { session, folder });
  }

  keyboard = { press: (key) => this.perform("key", ["keyDown", "keyUp"].map((type) => ({ type, value: KEYS[key] ?? key }))) };

  setDefaultTimeout(timeout) {
    this.timeout = timeout;
  }

  on(what, heard) {
    this.heard[what] = heard;
  }

  perform(type, actions) {
    return this.session.call("POST", "/actions", { actions: [{ type, id: type, actions }] });
  }

  async run(script, ...given) {
    const [found, errors] = await this.session.run(`const found = (function () { ${script} }).apply(null, arguments); return [found ?? null, window.__errors?.splice(0) ?? []];`, ...given);
    for (const error of errors) this.heard.pageerror?.(new Error(error));
    return found;
  }

  async until(what, ask, timeout = this.timeout) {
    for (const end = Date.now() + timeout; Date.now() < end; await pause(50)) {
      const found = await ask();
      if (found) return found;
    }
    throw new Error(`never: ${typeof what === "string" ? what : what()}`);
  }

  async goto(url) {
    await this.session.call("POST", "/url", { url });
  }

  async reload() {
    await this.session.call("POST", "/refresh");
  }

  /** What a function returns in the page; a script is only run there. */
  async evaluate(work, given) {
    if (typeof work === "string") return this.run(work);
    const script = `const [given, done] = arguments; (async () => (${work})(given))().then((found) => done([found ?? null, null]), (error) => done([null, String(error)]));`;
    const [found, error] = await this.session.call("POST", "/execute/async", { script, args: [given ?? null] });
    if (error) throw new Error(error);
    return found;
  }

  waitForFunction(work, given) {
    return this.until(String(work), () => this.evaluate(work, given));
  }

  async screenshot({ path }) {
    writeFileSync(path, Buffer.from(await this.session.call("GET", "/screenshot"), "base64"));
  }
}

class Context {
  constructor(browser, options) {
    Object.assign(this, { browser, options, open: [] });
  }

  async newPage() {
    const { viewport } = this.options;
    const session = await Session.open(viewport);
    this.open.push(new Page(session, this.browser.folder));
    return this.open.at(-1);
  }

  pages() {
    return this.open;
  }
}

/** A screen that nobody sees. Each window has its own: what another covers is not drawn, and a picture of it never comes. */
async function openScreen() {
  const screen = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] });
  const number = await new Promise((resolve, reject) => {
    screen.stdout.once("data", resolve);
    screen.once("exit", () => reject(new Error("Xvfb did not start")));
  });
  return { screen, display: `:${String(number).trim()}` };
}

/** `WEBKIT` names WebKitGTK's MiniBrowser. */
export async function launchWebKit() {
  found = `${finder()} const all = __finder.querySelectorAll(__finder.parseSelector(arguments[0]), document);`;
  const folder = mkdtempSync(join(tmpdir(), "webkit-"));
  const contexts = [];
  const sessions = () => contexts.flatMap((each) => each.open).map((each) => each.session);
  process.once("exit", () => {
    for (const each of sessions()) each.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    folder,
    contexts: () => contexts,
    async newContext(options) {
      contexts.push(new Context(this, options));
      return contexts.at(-1);
    },
    async close() {
      for (const each of sessions()) await each.close();
    },
  };
}
