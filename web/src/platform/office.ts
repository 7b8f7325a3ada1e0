/** Texts and sheets of office programs, opened on this device: what they say, not how it is laid out. */

import { clock } from "./clock";

export interface ToOpen {
  kind: "sheet" | "writing";
  bytes: Uint8Array<ArrayBuffer>;
}

export interface Sheet {
  name: string;
  rows: string[][];
}

/** `html` comes from the file: it must be made harmless before it is shown. */
export type Opened = { html: string } | { sheets: Sheet[] };

const LONGEST_MS = 30_000;

/** Throws for what cannot be read, and for what takes too long. */
export function openOffice(kind: ToOpen["kind"], bytes: Uint8Array<ArrayBuffer>): Promise<Opened> {
  const worker = new Worker(new URL("./office_worker.ts", import.meta.url), { type: "module" });
  const opened = new Promise<Opened>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Opened | { failed: string }>) =>
      "failed" in data ? reject(new Error(data.failed)) : resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    clock.after(LONGEST_MS, () => reject(new Error("it takes too long")));
  });
  worker.postMessage({ kind, bytes } satisfies ToOpen);
  return opened.finally(() => worker.terminate());
}
