import type { Trace } from "./traces";

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

/** A file that somebody has chosen: what would leave, and what there is to know and to decide before it does. */
export interface ChosenFile {
  /** As it leaves: without its traces. */
  file: PreparedFile;
  /** As it was chosen. */
  original: Blob;
  /** What was taken out of it. */
  traces: Trace[];
  /** It may say where and when it was taken, and this browser cannot take that away. */
  keepsTraces: boolean;
  /** A picture that could be sent smaller. */
  isReducible: boolean;
  /** Something to see of it. */
  picture: Blob | null;
}
