// Where the focus is, and what was read aloud: what the browser tells assistive technology, not what the page means.
import { assert, until } from "./stage.mjs";

/** Keeps what live regions say, from the beginning of a page. */
export async function listen(page) {
  await page.addInitScript(() => {
    const live = "[role=status], [role=alert], [role=log], [aria-live=polite], [aria-live=assertive]";
    const texts = new WeakMap();
    window.said = [];
    new MutationObserver((changes) => {
      const regions = new Set();
      for (const { target, addedNodes } of changes) {
        const around = (target.nodeType === 1 ? target : target.parentElement)?.closest(live);
        if (around) regions.add(around);
        for (const each of addedNodes) if (each.nodeType === 1) for (const one of [each, ...each.querySelectorAll(live)]) if (one.matches(live)) regions.add(one);
      }
      for (const each of regions) {
        const text = each.innerText?.trim().replace(/\s+/g, " ") ?? "";
        if (text && text !== texts.get(each)) window.said.push(text);
        texts.set(each, text);
      }
    }).observe(document, { childList: true, subtree: true, characterData: true });
  });
}

const matches = (wanted, text) => (wanted instanceof RegExp ? wanted.test(text) : wanted === text);

/** Waits until it was said, and asserts that it was said once. */
export async function heard(page, wanted) {
  let all;
  const times = await until(
    () => `${wanted} is said, but ${JSON.stringify(all)}`,
    async () => {
      all = await page.evaluate(() => window.said);
      return all.filter((each) => matches(wanted, each)).length;
    },
  );
  assert(times === 1, `${wanted} was said ${times} times: ${JSON.stringify(all)}`);
}

/** Role and name of what has the focus, from the tree that assistive technology reads. */
export async function focused(page) {
  page.cdp ??= await page.context().newCDPSession(page);
  const { result } = await page.cdp.send("Runtime.evaluate", { expression: "document.activeElement" });
  if (!result.objectId) return { role: "", name: "" };
  const { nodes } = await page.cdp.send("Accessibility.getPartialAXTree", { objectId: result.objectId, fetchRelatives: false }).catch(() => ({ nodes: [] }));
  return { role: nodes[0]?.role?.value ?? "", name: (nodes[0]?.name?.value ?? "").replace(/\s+/g, " ").trim() };
}

const isAt = (at, role, name) => at.role === role && matches(name, at.name);

/** Waits until the focus is where it is expected. */
export async function expectFocus(page, where, role, name) {
  let at;
  await until(
    () => `${where}: the focus is on ${at.role} “${at.name}”, not on ${role} “${name}”`,
    async () => {
      at = await focused(page);
      return isAt(at, role, name);
    },
  );
}

/** Goes there by one key, as many times as it takes. */
export async function reach(page, role, name, key = "Tab", most = 60) {
  for (let turn = 0; turn < most; turn++) {
    if (isAt(await focused(page), role, name)) return;
    await page.keyboard.press(key);
  }
  const at = await focused(page);
  throw new Error(`${key} does not lead to ${role} “${name}”; the focus is on ${at.role} “${at.name}”`);
}

/** A table: screen, act (keys, or what is done), role and name of what has the focus then, what was read aloud. */
export async function walk(page, table) {
  for (const [screen, act, role, name, said] of table) {
    const what = `${screen}, after ${typeof act === "string" ? act : "its act"}`;
    if (typeof act === "string") for (const key of act.split(" ").filter(Boolean)) await page.keyboard.press(key);
    else await act();
    if (role) await expectFocus(page, what, role, name);
    if (said) await heard(page, said);
    const lost = await page.evaluate(() => document.activeElement === document.body);
    assert(!lost, `${what}: the focus is lost`);
  }
}
