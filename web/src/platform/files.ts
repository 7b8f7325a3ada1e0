/** What a browser can find out about a file before it is sent, and how it is kept on the machine. */

import { clock } from "./clock";
import type { PreparedFile } from "./prepared_file";

const THUMBNAIL = 800;

export async function prepare(file: File): Promise<PreparedFile> {
  const base = { blob: file as Blob, name: file.name || "fichier" };
  try {
    if (/^image\/(png|jpeg|gif|webp|avif|bmp)$/.test(file.type)) return { ...base, ...(await image(file)), kind: "image" };
    if (/^video\/(mp4|webm|quicktime|ogg)$/.test(file.type)) return { ...base, ...(await video(file)), kind: "video" };
    if (/^audio\//.test(file.type)) return { ...base, duration: await duration(file), kind: "audio" };
  } catch {
    // not what its name says: sent as a plain file
  }
  return { ...base, kind: "file" };
}

async function image(file: Blob): Promise<Partial<PreparedFile>> {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const small = width > THUMBNAIL || height > THUMBNAIL || file.size > 300_000;
  const thumbnail = small ? await drawn(bitmap, width, height) : undefined;
  bitmap.close();
  return { width, height, thumbnail };
}

async function video(file: Blob): Promise<Partial<PreparedFile>> {
  const element = document.createElement("video");
  element.muted = true;
  element.src = URL.createObjectURL(file);
  try {
    await happened(element, "loadeddata");
    element.currentTime = Math.min(1, element.duration / 2);
    await happened(element, "seeked");
    const { videoWidth: width, videoHeight: height } = element;
    return { width, height, duration: element.duration * 1000, thumbnail: await drawn(element, width, height) };
  } finally {
    URL.revokeObjectURL(element.src);
  }
}

async function duration(file: Blob): Promise<number> {
  const element = document.createElement("audio");
  element.src = URL.createObjectURL(file);
  try {
    await happened(element, "loadedmetadata");
    return Number.isFinite(element.duration) ? element.duration * 1000 : 0;
  } finally {
    URL.revokeObjectURL(element.src);
  }
}

async function drawn(source: CanvasImageSource, width: number, height: number): Promise<PreparedFile["thumbnail"]> {
  const scale = Math.min(1, THUMBNAIL / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  canvas.getContext("2d")!.drawImage(source, 0, 0, canvas.width, canvas.height);
  return { blob: await canvas.convertToBlob({ type: "image/webp", quality: 0.8 }), width: canvas.width, height: canvas.height };
}

function happened(element: HTMLMediaElement, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    element.addEventListener(name, () => resolve(), { once: true });
    element.addEventListener("error", () => reject(new Error("not playable")), { once: true });
    clock.after(5000, () => reject(new Error("not playable")));
  });
}

/** Saves a file where people keep what they download. */
export function keep(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

export function keepText(text: string, name: string, type = "text/plain"): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  keep(url, name);
  clock.after(60_000, () => URL.revokeObjectURL(url));
}
