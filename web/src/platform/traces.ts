/** What a picture says about whoever took it, beside what it shows; and the same picture without it, not a pixel changed. */

/** Where it was taken, with what, when, by whom; a picture or film hidden beside it; whatever else is written in it. */
export type Trace = "place" | "device" | "date" | "author" | "hidden" | "notes";

export interface Cleaned {
  bytes: Uint8Array<ArrayBuffer>;
  traces: Trace[];
}

/** Whether `cleaned` knows files of a type. */
export const isCleaned = (mime: string): boolean => /^image\/(jpeg|png|webp)$/.test(mime);

/** Whether files of a type may say such things, and cannot be cleaned here. */
export const keepsTraces = (mime: string): boolean => /^(image\/(hei[cf]|avif|tiff)|video\/(mp4|quicktime))$/.test(mime);

/** Throws for what is not a file of its type. */
export function cleaned(bytes: Uint8Array<ArrayBuffer>, mime: string): Cleaned {
  const found = new Set<Trace>();
  const parts = mime === "image/jpeg" ? jpeg(bytes, found) : mime === "image/png" ? png(bytes, found) : webp(bytes, found);
  return found.size ? { bytes: joined(parts), traces: [...found] } : { bytes, traces: [] };
}

function joined(parts: Array<Uint8Array<ArrayBuffer>>): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of parts) {
    whole.set(each, at);
    at += each.length;
  }
  return whole;
}

const text = (bytes: Uint8Array, from: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + length));

// ------------------------------------------------------------------------------------------------------------------ JPEG

/** Segments (ITU-T T.81, B.1.1): what describes the picture stays, and which way is up; what follows its end goes. */
function jpeg(bytes: Uint8Array<ArrayBuffer>, found: Set<Trace>): Array<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new Error("not a JPEG");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [bytes.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) throw new Error("not a JPEG");
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1; // padding
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    const segment = bytes.subarray(at, end);
    if (marker === 0xda) {
      const stop = endOfScan(bytes, end);
      parts.push(bytes.subarray(at, stop));
      at = stop;
      if (bytes[at + 1] === 0xd9) break;
      continue;
    }
    const up = told(marker, segment, found);
    if (up !== null) parts.push(up);
    at = end;
  }
  parts.push(Uint8Array.of(0xff, 0xd9));
  if (at + 2 < bytes.length) found.add("hidden");
  return parts;
}

function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = from; at + 1 < bytes.length; at++) {
    const next = bytes[at + 1];
    if (bytes[at] === 0xff && next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  return bytes.length;
}

/** What stays of a segment; null for nothing. */
function told(marker: number, segment: Uint8Array<ArrayBuffer>, found: Set<Trace>): Uint8Array<ArrayBuffer> | null {
  const isProfile = marker === 0xe2 && text(segment, 4, 11) === "ICC_PROFILE";
  const isColours = marker === 0xee && text(segment, 4, 5) === "Adobe";
  if (marker < 0xe1 || isProfile || isColours || (marker > 0xef && marker !== 0xfe)) return segment;
  if (marker === 0xe1 && text(segment, 4, 6) === "Exif\0\0") {
    const up = exif(segment.subarray(10), found);
    return up > 1 ? orientation(up) : null;
  }
  found.add(marker === 0xe2 && text(segment, 4, 3) === "MPF" ? "hidden" : "notes");
  return null;
}

const TAGS: Record<number, Trace> = {
  271: "device", 272: "device", 305: "device", 306: "date", 34853: "place",
  315: "author", 33432: "author", 40093: "author", 270: "notes", 34665: "date",
}; // biome-ignore format: a table

/** Reads the first directory of Exif (TIFF 6.0). Returns which way is up. */
function exif(tiff: Uint8Array, found: Set<Trace>): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const little = text(tiff, 0, 2) === "II";
  let up = 1;
  let told = false;
  try {
    const first = view.getUint32(4, little);
    const count = view.getUint16(first, little);
    for (let index = 0; index < count; index++) {
      const at = first + 2 + index * 12;
      const tag = view.getUint16(at, little);
      if (tag === 0x0112) up = view.getUint16(at + 8, little);
      const trace = TAGS[tag];
      if (trace) found.add(trace);
      told ||= trace !== undefined;
    }
  } catch {
    told = false; // not as it should be, and taken away all the same
  }
  if (!told && up === 1) found.add("notes");
  return up;
}

/** A segment that says nothing but which way is up. */
const orientation = (up: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(
    0xff, 0xe1, 0, 34, 0x45, 0x78, 0x69, 0x66, 0, 0, 0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, up, 0, 0, 0, 0, 0, 0,
  ); // biome-ignore format: one segment

// ------------------------------------------------------------------------------------------------------------- PNG, WebP

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PNG_TRACES: Record<string, Trace> = { eXIf: "notes", tEXt: "notes", zTXt: "notes", iTXt: "notes", tIME: "date" };

/** Chunks (PNG, third edition, 5.3). */
function png(bytes: Uint8Array<ArrayBuffer>, found: Set<Trace>): Array<Uint8Array<ArrayBuffer>> {
  if (PNG.some((each, index) => bytes[index] !== each)) throw new Error("not a PNG");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [bytes.subarray(0, 8)];
  let at = 8;
  while (at + 12 <= bytes.length) {
    const end = at + 12 + view.getUint32(at);
    const type = text(bytes, at + 4, 4);
    const trace = PNG_TRACES[type];
    if (!trace) parts.push(bytes.subarray(at, end));
    else if (type === "eXIf") exif(bytes.subarray(at + 8, end - 4), found);
    else found.add(trace);
    at = end;
    if (type === "IEND") break;
  }
  if (at < bytes.length) found.add("hidden");
  return parts;
}

/** Chunks of RIFF (RFC 9649, 2.3 and 2.7). */
function webp(bytes: Uint8Array<ArrayBuffer>, found: Set<Trace>): Array<Uint8Array<ArrayBuffer>> {
  if (text(bytes, 0, 4) !== "RIFF" || text(bytes, 8, 4) !== "WEBP") throw new Error("not a WebP");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = bytes.slice(0, 12);
  const parts = [head];
  const stop = Math.min(bytes.length, 8 + view.getUint32(4, true));
  let at = 12;
  let up = 1;
  while (at + 8 <= stop) {
    const length = view.getUint32(at + 4, true);
    const end = Math.min(stop, at + 8 + length + (length % 2));
    const type = text(bytes, at, 4);
    const chunk = bytes.slice(at, end);
    if (type === "EXIF") up = exif(chunk.subarray(text(chunk, 8, 4) === "Exif" ? 14 : 8), found);
    else if (type === "XMP ") found.add("notes");
    else {
      if (type === "VP8X") chunk[8] &= ~0x0c; // it says that such chunks follow
      parts.push(chunk);
    }
    at = end;
  }
  if (up > 1) {
    const described = parts.find((each) => text(each, 0, 4) === "VP8X");
    if (described) described[8] |= 0x08;
    parts.push(joined([Uint8Array.of(0x45, 0x58, 0x49, 0x46, 26, 0, 0, 0), orientation(up).subarray(10)]));
  }
  if (stop < bytes.length) found.add("hidden");
  new DataView(head.buffer).setUint32(4, parts.reduce((sum, each) => sum + each.length, 0) - 8, true);
  return parts;
}
