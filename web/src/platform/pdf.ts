/** Pages of a PDF, drawn on this device. Nothing of the document runs: its scripts are not even read, its forms are pictures. */

import { getDocument, type PDFDocumentProxy, PDFWorker, type RenderTask, TextLayer } from "pdfjs-dist";
import PdfWorker from "pdfjs-dist/build/pdf.worker.min.mjs?worker";
import jbig2 from "pdfjs-dist/wasm/jbig2.wasm?url";
import openjpeg from "pdfjs-dist/wasm/openjpeg.wasm?url";
import qcms from "pdfjs-dist/wasm/qcms_bg.wasm?url";

/** What decodes scans and colours: files of ours, under the names that the library knows. */
const DECODERS: Record<string, string> = { "jbig2.wasm": jbig2, "openjpeg.wasm": openjpeg, "qcms_bg.wasm": qcms };

class Decoders {
  async fetch({ filename }: { filename: string }): Promise<Uint8Array> {
    const url = DECODERS[filename];
    if (!url) throw new Error(`${filename} is not here`);
    return new Uint8Array(await (await fetch(url)).arrayBuffer());
  }
}

/** Of a page, at its own size, in points. */
export interface PageSize {
  width: number;
  height: number;
}

/** No picture of a page has more points than this, however large the page is. */
const LARGEST = 16_000_000;

export class Pdf {
  private constructor(
    private readonly document: PDFDocumentProxy,
    private readonly thread: Worker,
  ) {}

  /** Throws for what is no PDF, or wants a password ("PasswordException"). */
  static async open(bytes: Uint8Array): Promise<Pdf> {
    const thread: Worker = new PdfWorker(); // of its own: whatever a document does, it ends with it
    const opening = getDocument({
      data: bytes,
      worker: PDFWorker.create({ port: thread }),
      enableXfa: false,
      useWorkerFetch: false,
      BinaryDataFactory: Decoders,
      wasmUrl: "/",
      maxImageSize: 100_000_000,
      verbosity: 0,
    });
    try {
      return new Pdf(await opening.promise, thread);
    } catch (error) {
      thread.terminate();
      throw error;
    }
  }

  get pages(): number {
    return this.document.numPages;
  }

  async size(page: number): Promise<PageSize> {
    const { width, height } = (await this.document.getPage(page)).getViewport({ scale: 1 });
    return { width, height };
  }

  /** Draws a page `width` points wide, and puts what it says over it, to be read and copied. What is returned ends it. */
  draw(page: number, width: number, canvas: HTMLCanvasElement, words: HTMLElement): () => void {
    let task: RenderTask | null = null;
    let layer: TextLayer | null = null;
    let isOver = false;
    const run = async (): Promise<void> => {
      const found = await this.document.getPage(page);
      if (isOver) return;
      const scale = width / found.getViewport({ scale: 1 }).width;
      const viewport = found.getViewport({ scale });
      const sharp = Math.min(devicePixelRatio || 1, Math.sqrt(LARGEST / (viewport.width * viewport.height)));
      canvas.width = Math.floor(viewport.width * sharp);
      canvas.height = Math.floor(viewport.height * sharp);
      const transform = [sharp, 0, 0, sharp, 0, 0];
      task = found.render({ canvas, viewport, transform });
      await task.promise;
      if (isOver) return;
      words.replaceChildren();
      words.style.setProperty("--total-scale-factor", String(scale));
      layer = new TextLayer({ textContentSource: await found.getTextContent(), container: words, viewport });
      await layer.render();
    };
    run().catch(() => {}); // ended, or a page that is broken: it stays white
    return () => {
      isOver = true;
      task?.cancel();
      layer?.cancel();
      canvas.width = canvas.height = 0; // gives its memory back
      words.replaceChildren();
    };
  }

  close(): void {
    void this.document.loadingTask.destroy().finally(() => this.thread.terminate());
  }
}
