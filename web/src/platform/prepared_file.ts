/** A file made ready to be sent: what the sender's browser could find out about it. */
export interface PreparedFile {
  blob: Blob;
  name: string;
  kind: "image" | "video" | "audio" | "voice" | "file";
  width?: number;
  height?: number;
  duration?: number;
  waveform?: number[];
  thumbnail?: { blob: Blob; width: number; height: number };
}
