/** What a browser makes of a file that somebody has chosen, before it is sent: `files.ts` finds out what it is. */

import { prepare } from "./files";
import type { ChosenFile, PreparedFile } from "./prepared_file";
import { cleaned, isCleaned, keepsTraces, type Trace } from "./traces";

/** The longer side of a picture that is sent smaller. */
const LONGEST = 2048;
const QUALITY = 0.82;
/** Below this nothing is gained. */
const WORTH_IT = 400_000;

/** Throws for what cannot be read: a folder, a file that is gone. */
export async function choose(given: File): Promise<ChosenFile> {
  await given.slice(0, 1).arrayBuffer();
  const { blob, traces } = isCleaned(given.type) ? await withoutTraces(given) : { blob: given, traces: [] };
  const file = await prepare(new File([blob], given.name, { type: given.type }));
  const isPicture = file.kind === "image";
  return {
    file,
    original: given,
    traces,
    keepsTraces: keepsTraces(given.type),
    isReducible: isPicture && given.size > WORTH_IT && /^image\/(jpeg|png|webp|bmp)$/.test(given.type) && !(await moves(given)),
    picture: file.thumbnail?.blob ?? (isPicture ? file.blob : null),
  };
}

async function withoutTraces(given: File): Promise<{ blob: Blob; traces: Trace[] }> {
  try {
    const { bytes, traces } = cleaned(new Uint8Array(await given.arrayBuffer()), given.type);
    return traces.length ? { blob: new Blob([bytes], { type: given.type }), traces } : { blob: given, traces };
  } catch {
    return { blob: given, traces: [] }; // not what its name says: sent as a plain file
  }
}

/** Whether a picture is a film: only its first image would be left of it. */
async function moves(file: Blob): Promise<boolean> {
  const head = new TextDecoder("latin1").decode(await file.slice(0, 4096).arrayBuffer());
  return /ANIM|acTL/.test(head);
}

/** The same picture, smaller; null where that gains nothing. */
export async function reduce(file: PreparedFile): Promise<PreparedFile | null> {
  const bitmap = await createImageBitmap(file.blob);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((each) => Math.max(1, Math.round(each * scale)));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const type = file.blob.type === "image/jpeg" ? "image/jpeg" : "image/webp"; // a JPEG has nothing that is seen through
  const blob = await canvas.convertToBlob({ type, quality: QUALITY });
  if (blob.type !== type || blob.size > file.blob.size * 0.8) return null;
  const name = type === file.blob.type ? file.name : file.name.replace(/\.\w{1,5}$|$/, ".webp");
  return { ...file, blob, name, width, height };
}
