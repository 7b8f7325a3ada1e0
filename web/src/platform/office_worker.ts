/** Opens office files in a thread of its own, which is ended when it takes too long: nothing of a file runs, nothing is fetched. */

import { strFromU8, unzipSync } from "fflate";
import mammoth from "mammoth";
import readSheets from "read-excel-file/web-worker";
import { odfTables, odfText } from "./odf";
import type { Opened, ToOpen } from "./office";

/** An archive may claim to be small and be endless: what it says of itself is believed only up to here, in bytes. */
const LARGEST = 80_000_000;
const MOST_PARTS = 3000;

/** Throws for an archive that would fill the memory. */
function check(bytes: Uint8Array): string[] {
  const names: string[] = [];
  let whole = 0;
  unzipSync(bytes, {
    filter: ({ name, originalSize }) => {
      names.push(name);
      whole += originalSize;
      return false;
    },
  });
  if (whole > LARGEST || names.length > MOST_PARTS) throw new Error("too large once it is opened");
  return names;
}

async function open({ kind, bytes }: ToOpen): Promise<Opened> {
  const names = check(bytes);
  if (names.includes("content.xml")) {
    const xml = strFromU8(unzipSync(bytes, { filter: ({ name }) => name === "content.xml" })["content.xml"]);
    return kind === "sheet" ? { sheets: odfTables(xml) } : { html: odfText(xml) };
  }
  const arrayBuffer = bytes.slice().buffer;
  if (kind === "writing") {
    const convertImage = mammoth.images.imgElement(async () => ({ src: "" }));
    return { html: (await mammoth.convertToHtml({ arrayBuffer }, { convertImage, externalFileAccess: false })).value };
  }
  const sheets = await readSheets(arrayBuffer);
  return { sheets: sheets.map(({ sheet, data }) => ({ name: sheet, rows: data.map((row) => row.map(shown)) })) };
}

/** A value of a cell as people read it. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (!(value instanceof Date)) return String(value);
  const [day, time] = value.toISOString().slice(0, 16).split("T");
  return time === "00:00" ? day : `${day} ${time}`;
}

addEventListener("message", (event: MessageEvent<ToOpen>) => {
  open(event.data).then(
    (opened) => postMessage(opened),
    (error) => postMessage({ failed: String(error) }),
  );
});
