// Signs in to Ketesa by OAuth as an administrator and looks at its pages; none may show an error.
// usage: node ketesa.mjs KETESA SERVER USER PASSWORD
import { chromium } from "playwright-core";

const [tool, server, user, password] = process.argv.slice(2);
const pages = [
  "users", "rooms", "reports", "registration_tokens", "destinations", "scheduled_tasks", "user_media_statistics", "database_room_statistics",
  `users/${encodeURIComponent(user)}`,
];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const page = await (await browser.newContext({ locale: "en-US" })).newPage();
page.setDefaultTimeout(30_000);
await page.goto(`${tool}/?server=${encodeURIComponent(server)}`);
await page.getByRole("button", { name: /sign in/i }).last().click();
await page.locator("input[name=login]").fill(user);
await page.locator("input[name=password]").fill(password);
await page.keyboard.press("Enter");
await page.getByRole("button", { name: /^(allow|autoriser)$/i }).click();
await page.waitForURL((address) => address.origin === new URL(tool).origin && address.hash.length > 1 && !address.hash.includes("login"));
for (const name of pages) {
  await page.goto(`${tool}/#/${name}`);
  await page.waitForLoadState("networkidle");
  const wrong = page.locator(".MuiAlert-standardError, .MuiSnackbarContent-root, .RaError-container");
  if (await wrong.count()) throw new Error(`${name}: ${await wrong.first().innerText()}`);
  console.log(`PAGE ${name}`);
}
await browser.close();
