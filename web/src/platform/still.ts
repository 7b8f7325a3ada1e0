/** Pictures that would move by themselves, standing still: nobody who reads beside them has asked for it. */

const text = (bytes: Uint8Array, from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));

/** Whether a picture may move, by what stands in it and not by what it is said to be. */
export function mayMove(bytes: Uint8Array): boolean {
  if (text(bytes, 0, 3) === "GIF") return true;
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP")
    return text(bytes, 12, 16) === "VP8X" && ((bytes[20] ?? 0) & 2) !== 0;
  if (text(bytes, 1, 4) === "PNG") return isMovingPng(bytes);
  if (text(bytes, 4, 8) !== "ftyp") return false;
  const end = Math.min(new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0), 256, bytes.length);
  return text(bytes, 8, end).includes("avis");
}

/** What says so stands before the picture itself. */
function isMovingPng(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 8; at + 8 <= bytes.length; ) {
    const name = text(bytes, at + 4, at + 8);
    if (name === "acTL") return true;
    if (name === "IDAT") return false;
    at += 12 + view.getUint32(at);
  }
  return false;
}

/** Its first frame, where it may move. What the browser cannot draw is nothing to look at. */
export async function still(picture: Blob, draw: (picture: Blob) => Promise<Blob> = firstFrame): Promise<Blob> {
  return mayMove(new Uint8Array(await picture.arrayBuffer())) ? draw(picture) : picture;
}

async function firstFrame(picture: Blob): Promise<Blob> {
  const frame = await createImageBitmap(picture);
  const canvas = document.createElement("canvas");
  canvas.width = frame.width;
  canvas.height = frame.height;
  canvas.getContext("2d")?.drawImage(frame, 0, 0);
  frame.close();
  return new Promise((resolve, reject) =>
    canvas.toBlob((drawn) => (drawn ? resolve(drawn) : reject(new Error("not drawn"))), "image/png"),
  );
}
