/** What of a file can be looked at in its place: decided by its type and its name, read on this device alone. */

import type { Attachment } from "../matrix/types";

export type PreviewKind = "picture" | "film" | "sound" | "pdf" | "text" | "table" | "sheet" | "writing";

const PICTURE = /^image\/(png|jpe?g|gif|webp|avif|bmp)$/;
const FILM = /^video\/(mp4|webm|ogg|quicktime)$/;
const SOUND = /^audio\/(mpeg|mp4|ogg|wav|webm|aac|flac|x-m4a|x-wav)$/;

/** By the end of a name, where its type says nothing of its own: browsers know few types. */
const BY_NAME: Array<[RegExp, PreviewKind]> = [
  [/\.pdf$/i, "pdf"],
  [/\.(txt|md|markdown|log|json|ya?ml|ini|conf)$/i, "text"],
  [/\.(csv|tsv)$/i, "table"],
  [/\.(xlsx|ods)$/i, "sheet"],
  [/\.(docx|odt)$/i, "writing"],
];

const BY_TYPE: Array<[RegExp, PreviewKind]> = [
  [PICTURE, "picture"],
  [FILM, "film"],
  [SOUND, "sound"],
  [/^application\/pdf$/, "pdf"],
  [/^text\/(csv|tab-separated-values)$/, "table"],
  [/^(text\/(plain|markdown|x-log|yaml)|application\/(json|yaml|x-yaml))$/, "text"],
  [/^application\/vnd\.(openxmlformats-officedocument\.spreadsheetml\.sheet|oasis\.opendocument\.spreadsheet)$/, "sheet"],
  [/^application\/vnd\.(openxmlformats-officedocument\.wordprocessingml\.document|oasis\.opendocument\.text)$/, "writing"],
];

/** Types that say nothing of what a file is. */
const VAGUE = /^(application\/octet-stream|text\/plain|application\/vnd\.ms-excel|application\/(x-)?zip(-compressed)?|)$/;

/** How large a file of a kind may be to be read here, in bytes. */
const MOST: Record<PreviewKind, number> = {
  picture: Number.POSITIVE_INFINITY,
  film: Number.POSITIVE_INFINITY,
  sound: Number.POSITIVE_INFINITY,
  pdf: 100_000_000,
  text: 20_000_000,
  table: 20_000_000,
  sheet: 20_000_000,
  writing: 20_000_000,
};

/** Null for what is only ever downloaded: pages and drawings that could carry scripts among them. */
export function kindOf({ mime, name, size }: Pick<Attachment, "mime" | "name" | "size">): PreviewKind | null {
  const type = mime.split(";")[0].trim().toLowerCase();
  const named = VAGUE.test(type) ? BY_NAME.find(([pattern]) => pattern.test(name))?.[1] : undefined;
  const kind = named ?? BY_TYPE.find(([pattern]) => pattern.test(type))?.[1] ?? null;
  return kind && size <= MOST[kind] ? kind : null;
}

/** What one goes through one by one. */
export const isOfGallery = (kind: PreviewKind | null): boolean => kind === "picture" || kind === "film";

// ------------------------------------------------------------------------------------------------------------------ text

/** More of a text than anybody reads on a screen. */
const LETTERS = 400_000;
const ROWS = 2000;
const COLUMNS = 100;

export interface PlainText {
  text: string;
  /** There is more of it. */
  isCut: boolean;
}

/** Bytes as text: Unicode, else as Windows writes it in Western Europe. */
export function decoded(bytes: Uint8Array): PlainText {
  const isWide = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  const text = isWide ? new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes) : narrow(bytes);
  return { text: text.slice(0, LETTERS).replaceAll("\r\n", "\n"), isCut: text.length > LETTERS };
}

function narrow(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

export interface Table {
  /** Of a sheet; null where there is only one. */
  name: string | null;
  rows: string[][];
  isCut: boolean;
}

/** Of what would be shown, as much as a screen bears. */
export const cut = (name: string | null, rows: string[][]): Table => ({
  name,
  rows: rows.slice(0, ROWS).map((row) => row.slice(0, COLUMNS)),
  isCut: rows.length > ROWS || rows.some((row) => row.length > COLUMNS),
});

/** Comma-separated values (RFC 4180), with whichever sign separates them. */
export function separated({ text, isCut }: PlainText): Table {
  const [first] = text.split("\n", 1);
  const count = (sign: string): number => first.split(sign).length;
  const separator = [";", "\t", ","].reduce((best, sign) => (count(sign) > count(best) ? sign : best));
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}\\n]*))(${separator}|\\n|$)`, "gy");
  for (let found = cell.exec(text); found; found = cell.exec(text)) {
    row.push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (found[3] !== separator) {
      rows.push(row);
      row = [];
    }
    if (found[3] === "" || rows.length > ROWS) break;
  }
  if (row.length) rows.push(row);
  if (rows.length > 1 && rows.at(-1)!.join("") === "" && text.endsWith("\n")) rows.pop();
  const table = cut(null, rows);
  return { ...table, isCut: table.isCut || isCut };
}
