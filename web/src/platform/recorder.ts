import { clock } from "./clock";
import type { PreparedFile } from "./prepared_file";

const TYPES = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"];

/** A voice message: what the microphone hears, and how loud it was. */
export class Recorder {
  private stream: MediaStream | null = null;
  private media: MediaRecorder | null = null;
  private context: AudioContext | null = null;
  private readonly parts: Blob[] = [];
  private readonly loudness: number[] = [];
  private began = 0;
  private endTicking: (() => void) | null = null;

  constructor(private readonly tick: (ms: number) => void) {}

  async start(): Promise<void> {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    this.media = new MediaRecorder(this.stream, {
      mimeType: TYPES.find((each) => MediaRecorder.isTypeSupported(each)),
      audioBitsPerSecond: 24_000,
    });
    this.media.ondataavailable = (event) => this.parts.push(event.data);
    this.context = new AudioContext();
    const analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(this.stream).connect(analyser);
    const samples = new Uint8Array(analyser.fftSize);
    this.media.start();
    this.began = clock.now();
    this.endTicking = clock.every(100, () => {
      analyser.getByteTimeDomainData(samples);
      this.loudness.push(Math.max(...samples.map((each) => Math.abs(each - 128))) * 8);
      this.tick(clock.now() - this.began);
    });
  }

  /** Stops. `name`: of the file, without its ending. */
  async finish(name: string): Promise<PreparedFile> {
    const duration = clock.now() - this.began;
    const stopped = new Promise((resolve) => this.media!.addEventListener("stop", resolve, { once: true }));
    this.media!.stop();
    await stopped;
    this.cancel();
    const mime = this.media!.mimeType.split(";")[0];
    const blob = new Blob(this.parts, { type: mime });
    const ending = mime === "audio/ogg" ? "ogg" : mime === "audio/mp4" ? "m4a" : "webm";
    return { blob, name: `${name}.${ending}`, kind: "voice", duration, waveform: thinned(this.loudness, 100) };
  }

  cancel(): void {
    this.endTicking?.();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.context && this.context.state !== "closed") void this.context.close();
  }
}

function thinned(values: number[], count: number): number[] {
  if (values.length <= count) return values.map((each) => Math.min(1024, Math.round(each)));
  return Array.from({ length: count }, (_, index) =>
    Math.min(
      1024,
      Math.round(
        Math.max(
          ...values.slice(Math.floor((index * values.length) / count), Math.floor(((index + 1) * values.length) / count)),
        ),
      ),
    ),
  );
}
