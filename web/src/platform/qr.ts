/** QR codes of bytes: drawn, and read from the camera. Both libraries are only loaded where they are needed. */

import { pause } from "./clock";

const EVERY = 200;
const WIDEST = 640; // enough for a code that fills a good part of the picture

export async function drawQr(canvas: HTMLCanvasElement, bytes: Uint8ClampedArray): Promise<void> {
  const { toCanvas } = await import("qrcode");
  await toCanvas(canvas, [{ data: bytes, mode: "byte" }], {
    width: 240,
    margin: 4,
    color: { dark: "#000000", light: "#ffffff" },
  });
}

/** Looks until a code is seen. Returns what stops it. */
export function scanQr(video: HTMLVideoElement, seen: (code: Uint8ClampedArray) => void, refused: () => void): () => void {
  let stream: MediaStream | null = null;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    for (const track of stream?.getTracks() ?? []) track.stop();
  };
  void (async () => {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (stopped) return stop();
      video.srcObject = stream;
      await video.play();
      const { default: jsQR } = await import("jsqr");
      const canvas = document.createElement("canvas");
      const context = canvas.getContext("2d", { willReadFrequently: true })!;
      while (!stopped) {
        await pause(EVERY);
        if (!video.videoWidth || document.visibilityState !== "visible") continue; // nobody shows a code to what they do not see
        const scale = Math.min(1, WIDEST / video.videoWidth);
        canvas.width = Math.round(video.videoWidth * scale);
        canvas.height = Math.round(video.videoHeight * scale);
        context.drawImage(video, 0, 0, canvas.width, canvas.height);
        const image = context.getImageData(0, 0, canvas.width, canvas.height);
        const found = jsQR(image.data, image.width, image.height);
        if (found?.binaryData.length) {
          stop();
          seen(new Uint8ClampedArray(found.binaryData));
        }
      }
    } catch {
      refused();
    }
  })();
  return stop;
}
