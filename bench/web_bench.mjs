// What the benchmarks of the web client share: a browser, and rooms filled over HTTP by the server's own API.
import { createRequire } from "node:module";

const require = createRequire(new URL("../tests/clients/js/package.json", import.meta.url));
export const { chromium } = require("playwright-core");
export const server = process.argv[2];
export const password = "correct horse battery";

export async function call(method, path, body, token) {
  const answer = await fetch(`${server}/_matrix/client/v3${path}`, {
    method, headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) }, body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

export async function inParallel(count, width, work) {
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => { while (next < count) await work(next++); }));
}

/** Takes somebody whose name is asked for through what a first sign-in asks. */
export async function throughFirstRun(page) {
  await page.getByRole("button", { name: "Continuer" }).click();
  const code = (await page.getByTestId("code").innerText()).replace(/\s+/g, " ");
  await page.getByLabel(/J’ai rangé ce code/).check();
  await page.getByRole("button", { name: "Continuer" }).click();
  await page.getByLabel("Code de récupération").fill(code);
  await page.getByRole("button", { name: "Terminer" }).click();
}
