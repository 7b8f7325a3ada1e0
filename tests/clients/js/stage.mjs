// What the plays share.
import "fake-indexeddb/auto";
import assert from "node:assert/strict";
import { writeSync } from "node:fs";
import { logger } from "matrix-js-sdk/lib/logger.js";

logger.setLevel("silent");
for (const name of ["debug", "log", "info", "warn"]) console[name] = () => {};  // the libraries talk a lot

export const base = process.argv[2];
export const elsewhere = process.argv[3] ?? base;  // the server of those who are not of the first
export const PASSWORD = "correct horse battery";
export const say = (line) => writeSync(1, `PLAY ${line}\n`);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export async function until(what, check, seconds = 30) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const found = await check();
        if (found) return found;
        if (Date.now() > end) throw new Error(`timed out: ${what}`);
        await sleep(40);
    }
}

async function post(path, body, where) {
    const answer = await fetch(`${where}/_matrix/client/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
    assert.equal(answer.status, 200, await answer.clone().text());
    return answer.json();
}

export const register = (name, where = base) => post("register", {
    username: name, password: PASSWORD, initial_device_display_name: `${name}'s first`, auth: { type: "m.login.dummy" },
}, where);

export const login = (user, device) => post("login", {
    type: "m.login.password", identifier: { type: "m.id.user", user }, password: PASSWORD, initial_device_display_name: device,
}, base);
