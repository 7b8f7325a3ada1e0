import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TEXTS as EN_FOR_ALL } from "../src/i18n/en";
import { ADMIN_TEXTS as EN_ADMIN } from "../src/i18n/en_admin";
import { TEXTS as FR_FOR_ALL } from "../src/i18n/fr";
import { ADMIN_TEXTS as FR_ADMIN } from "../src/i18n/fr_admin";

const EN = { ...EN_FOR_ALL, ...EN_ADMIN };
const FR = { ...FR_FOR_ALL, ...FR_ADMIN };
const SOURCE = new URL("../src", import.meta.url).pathname;

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return files(path);
    return /\.tsx?$/.test(name) ? [path] : [];
  });
}

const found = files(SOURCE).map((path) => ({ path: path.slice(SOURCE.length + 1), text: readFileSync(path, "utf8") }));
const isTest = ({ path }: { path: string }): boolean => path.endsWith(".test.ts");
const all = found.filter((each) => !isTest(each));

/** What each layer may import. */
const LAYERS: Record<string, string[]> = {
  app: ["i18n", "viewmodels", "views", "platform", "styles"],
  views: ["viewmodels", "matrix", "platform", "views"],
  viewmodels: ["matrix", "platform", "viewmodels"],
  matrix: ["platform", "matrix"],
  platform: ["platform"],
  i18n: ["i18n"],
};

test("who imports whom", () => {
  const wrong = all.flatMap(({ path, text }) => {
    const layer = path.split("/")[0];
    return [...text.matchAll(/from "(\.\.?\/[^"]+)"/g)].flatMap(([, target]) => {
      const other = join(path, "..", target).split("/")[0];
      return other === layer || LAYERS[layer]?.includes(other) ? [] : [`${path} imports ${other}`];
    });
  });
  expect(wrong).toEqual([]);
});

/** What a file imports of the source, types too. */
function imported({ path, text }: { path: string; text: string }): string[] {
  const targets = [...text.matchAll(/from "(\.\.?\/[^"]+)"/g)].map(([, target]) => join(path, "..", target));
  return targets
    .flatMap((target) => all.filter((each) => [`${target}.ts`, `${target}.tsx`].includes(each.path)))
    .map((each) => each.path);
}

test("no file imports itself by a way round", () => {
  const graph = new Map(all.map((each) => [each.path, imported(each)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const walk = (path: string, way: string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" > "));
    if (way.includes(path) || done.has(path)) return;
    for (const each of graph.get(path) ?? []) walk(each, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  expect(circles).toEqual([]);
});

test("only the adapter knows the SDK", () => {
  expect(
    all.filter(({ path, text }) => !path.startsWith("matrix/") && /from "matrix-js-sdk/.test(text)).map(({ path }) => path),
  ).toEqual([]);
});

test("what an event says is read in one place, and what is opened later is heard of in one", () => {
  const opening =
    /\b(?:isDecryptionFailure|decryptionFailureReason|isBeingDecrypted|shouldAttemptDecryption|getClearContent)\b/;
  const ofAnEvent = /\bgetOriginalContent\(|(?<!getAccountData\([^()]*\)\??|getStateEvents\([^()]*\)\??)\.getContent\(/;
  const later = /\bMatrixEventEvent\.Decrypted\b|\bnew MatrixEvent\(/;
  const rules: Array<[RegExp, string[]]> = [
    [opening, ["matrix/readable.ts"]],
    [ofAnEvent, ["matrix/readable.ts"]],
    [later, ["matrix/opened.ts", "matrix/scheduled.ts", "matrix/orders.ts"]], // which seal one
  ];
  const wrong = all.flatMap(({ path, text }) =>
    rules.filter(([rule, may]) => rule.test(text) && !may.includes(path)).map(([rule]) => `${path}: ${rule.exec(text)?.[0]}`),
  );
  expect(wrong).toEqual([]);
});

test("the SDK is loaded with the account, not with the page", () => {
  const values = (text: string): string[] =>
    [...text.matchAll(/^import (?!type )(?:[^"]*? from )?"([^"]+)";/gm)].map(([, target]) => target);
  const loads = new Map<string, string[]>(); // by file, the way that leads there from the first one
  const walk = (path: string, way: string[]): void => {
    if (loads.has(path)) return;
    loads.set(path, [...way, path]);
    const { text } = all.find((each) => each.path === path)!;
    const known = values(text).map((target) => join(path, "..", target));
    for (const each of all)
      if (known.some((target) => each.path === `${target}.ts` || each.path === `${target}.tsx`))
        walk(each.path, [...way, path]);
  };
  walk("app/main.tsx", []);
  const wrong = all.filter(
    ({ path, text }) => loads.has(path) && values(text).some((target) => target.startsWith("matrix-js-sdk")),
  );
  expect(wrong.map(({ path }) => loads.get(path)?.join(" > "))).toEqual([]);
  expect(loads.size).toBeGreaterThan(30);
});

test("dates and times are written as the client's language says, in one field: the browser's follow the browser's language", () => {
  const native = /type=["'{][^>\n]*\b(?:date|time|month|week)\b|["']datetime-local["']/;
  expect(all.filter(({ text }) => native.test(text)).map(({ path }) => path)).toEqual([]);
});

test("what only looks like something is drawn by what means nothing", () => {
  const found = all.filter(({ path, text }) => path.startsWith("views/") && /<(?:i|font|center)\b|<br \/>/.test(text));
  expect(found.map(({ path }) => path)).toEqual([]);
});

test("what is wrong with a field is said by the client: a browser says it in its own language", () => {
  const found = all.filter(({ path, text }) => path.startsWith("views/") && /<form\b/.test(text)).map(({ path }) => path);
  expect(found).toEqual(["views/ui/form.tsx"]);
  const bubbles = all.filter(({ text }) => /\b(?:reportValidity|setCustomValidity)\(/.test(text));
  expect(bubbles.map(({ path }) => path)).toEqual([]);
});

test("nothing is done when a press begins: it can be taken back until it ends", () => {
  const begins =
    /\bon(?:PointerDown|TouchStart)\b|["'](?:pointerdown|mousedown|touchstart)["']|onMouseDown=\{(?!\(event\) => (?:event\.shiftKey [^}]*)?event\.preventDefault\(\)\})/;
  const found = all.filter(({ path, text }) => path.startsWith("views/") && begins.test(text)).map(({ path }) => path);
  // who notes where the hands are, who gives up going somewhere, pressing long, which is left by moving, a picture that is moved
  expect(found.sort()).toEqual([
    "views/hands/keeper.ts",
    "views/landing.ts",
    "views/list/pressing.ts",
    "views/long_press.ts",
    "views/viewer/picture.tsx",
  ]);
});

test("views ask view models only: of the adapter they know types", () => {
  const wrong = all.flatMap(({ path, text }) => {
    if (!path.startsWith("views/")) return [];
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*|^import type .*$/gm, "");
    const values = [...code.matchAll(/from "(?:\.\.\/)+matrix\/[^"]+"/g)];
    const reaches = [...code.matchAll(/(?<!"org)\.(?:matrix|conversation|client|index)\b(?!\/)/g)];
    return [...values, ...reaches].map(([found]) => `${path}: ${found}`);
  });
  expect(wrong).toEqual([]);
});

test("the time, and what happens later, come from the clock", () => {
  const wrong = all
    .filter(({ path }) => path !== "platform/clock.ts" && path !== "platform/service_worker.ts")
    .filter(({ text }) => /\bDate\.now\(|\bnew Date\(\)|\bset(?:Timeout|Interval)\(|\bperformance\.now\(/.test(text))
    .map(({ path }) => path);
  expect(wrong).toEqual([]);
});

test("view models do not touch the page", () => {
  const wrong = all
    .filter(
      ({ path, text }) =>
        path.startsWith("viewmodels/") && /\b(document|window)\./.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")),
    )
    .map(({ path }) => path);
  expect(wrong).toEqual([]);
});

test("every view model has its tests beside it", () => {
  const tested = new Set(found.filter(isTest).map(({ path }) => path.replace(".test.ts", ".ts")));
  const without = all.filter(({ path }) => path.startsWith("viewmodels/") && !tested.has(path)).map(({ path }) => path);
  expect(without).toEqual([]);
  expect(all.filter(({ text }) => /from "[^"]*(?:\.test|tests\/fakes)"/.test(text))).toEqual([]); // nothing of a test is shipped
});

test("tests of view models stand on interfaces, not on the SDK or a browser", () => {
  const wrong = found
    .filter((each) => isTest(each) && each.path.startsWith("viewmodels/"))
    .filter(({ text }) => /matrix-js-sdk|vi\.(?:mock|useFakeTimers|stubGlobal)|setTimeout/.test(text))
    .map(({ path }) => path);
  expect(wrong).toEqual([]);
});

test("files stay small", () => {
  const large = all
    .filter(({ path, text }) => !path.startsWith("i18n/") && text.split("\n").length > 300)
    .map(({ path }) => path);
  expect(large).toEqual([]);
});

test("the service worker is one file: what it imports, nobody else does", () => {
  const imports = (text: string): string[] =>
    [...text.matchAll(/^import (?!type)[^;]*?from "\.\/([^"]+)";/gm)].map(([, name]) => `platform/${name}`);
  const worker = all.find(({ path }) => path === "platform/service_worker.ts")!;
  const needed = imports(worker.text);
  expect(needed).toEqual(["platform/share_in"]);
  for (const each of needed) expect(imports(all.find(({ path }) => path === `${each}.ts`)!.text)).toEqual([]);
  const others = all.filter(
    ({ path, text }) => path !== worker.path && needed.some((each) => text.includes(`/${each.split("/")[1]}";`)),
  );
  expect(others.map(({ path }) => path)).toEqual([]);
});

const bare = (key: string): string => key.replace(/_(one|other|many)$/, "");

test("both languages say the same things, with the same values", () => {
  expect(Object.keys(EN).sort()).toEqual(Object.keys(FR).sort());
  const values = (text: string): string[] => [...text.matchAll(/{{(\w+)}}/g)].map(([, name]) => name).sort();
  for (const key of Object.keys(FR)) expect([key, values(EN[key])]).toEqual([key, values(FR[key])]);
});

test("no value has a name by which i18next is told something else", () => {
  const taken =
    /{{(ns|lng|lngs|fallbackLng|context|ordinal|defaultValue|replace|returnObjects|joinArrays|postProcess|interpolation)\b/;
  expect(Object.keys(FR).filter((key) => taken.test(FR[key]))).toEqual([]);
});

test("what is counted is said of one and of many", () => {
  const alone = new Set(["message.reaction", "paste.hint"]); // a number beside a sign; always a thousand and more
  const counted = Object.keys(FR).filter((key) => FR[key].includes("{{count}}"));
  expect(counted.filter((key) => !/_(one|other|many)$/.test(key) && !alone.has(key))).toEqual([]);
  for (const key of counted.filter((each) => each.endsWith("_other"))) expect(Object.keys(FR)).toContain(`${bare(key)}_one`);
});

test("every word that a view asks for exists, and none is left over", () => {
  const texts = all
    .filter(({ path }) => !path.startsWith("i18n/"))
    .map(({ text }) => text)
    .join("\n");
  const asked = new Set([...texts.matchAll(/\bt\(\s*"([^"]+)"/g)].map(([, key]) => key));
  const known = new Set(Object.keys(FR).map(bare));
  expect([...asked].filter((key) => !known.has(key))).toEqual([]);
  const made = [...texts.matchAll(/`([a-zA-Z]+\.(?:[a-zA-Z]+\.)?)\$\{/g)].map(([, start]) => start);
  const ends = [...texts.matchAll(/\$\{[^}]+\}(Title|Hint|Do|Text)`/g)].length > 0;
  const unused = [...known].filter(
    (key) =>
      !texts.includes(`"${key}"`) &&
      !made.some((start) => key.startsWith(start)) &&
      !(ends && /(Title|Hint|Do|Text)$/.test(key)),
  );
  expect(unused).toEqual([]);
});
