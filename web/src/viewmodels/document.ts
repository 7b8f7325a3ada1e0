/** A document, opened on this device: what it says is taken out of it, nothing of it runs. */

import type { SignedIn } from "../matrix/signed_in";
import type { Attachment } from "../matrix/types";
import type { Opened as Office } from "../platform/office";
import type { Pdf } from "../platform/pdf";
import { cut, decoded, type PreviewKind, separated, type Table } from "./preview";
import { ViewModel } from "./view_model";

/** `html` comes from the document: it must be made harmless before it is shown. */
export type Opened =
  | { as: "pdf"; pdf: Pdf }
  | { as: "text"; text: string; isCut: boolean }
  | { as: "html"; html: string; isCut: boolean; isSimplified: boolean }
  | { as: "tables"; tables: Table[] };

interface State {
  /** Null while it is opened. */
  opened: Opened | null;
  problem: "stopped" | "password" | "failed" | null;
}

/** What reads each kind of document. */
export interface Readers {
  pdf: (bytes: Uint8Array) => Promise<Pdf>;
  office: (kind: "sheet" | "writing", bytes: Uint8Array<ArrayBuffer>) => Promise<Office>;
  markdown: (text: string) => Promise<string>;
}

const READERS: Readers = {
  pdf: async (bytes) => (await import("../platform/pdf")).Pdf.open(bytes),
  office: async (kind, bytes) => (await import("../platform/office")).openOffice(kind, bytes),
  markdown: async (text) => (await import("./markdown")).toHtml(text),
};

export class DocumentViewModel extends ViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "media">,
    private readonly file: Attachment,
    private readonly kind: PreviewKind,
    private readonly readers = READERS,
  ) {
    super({ opened: null, problem: null });
    void this.open();
  }

  private async open(): Promise<void> {
    try {
      const opened = await this.read(await this.matrix.media.bytes(this.file));
      if (opened.as === "pdf") this.scope.owns(() => opened.pdf.close());
      this.set({ opened });
    } catch (error) {
      const { name, isStopped } = error as { name?: string; isStopped?: boolean };
      this.set({ problem: isStopped ? "stopped" : name === "PasswordException" ? "password" : "failed" });
    }
  }

  private async read(bytes: Uint8Array<ArrayBuffer>): Promise<Opened> {
    switch (this.kind) {
      case "pdf":
        return { as: "pdf", pdf: await this.readers.pdf(bytes) };
      case "table":
        return { as: "tables", tables: [separated(decoded(bytes))] };
      case "sheet":
      case "writing":
        return office(await this.readers.office(this.kind, bytes));
      default: {
        const { text, isCut } = decoded(bytes);
        if (!/\.(md|markdown)$/i.test(this.file.name) && this.file.mime !== "text/markdown") return { as: "text", text, isCut };
        return { as: "html", html: await this.readers.markdown(text), isCut, isSimplified: false };
      }
    }
  }
}

const office = (read: Office): Opened =>
  "html" in read
    ? { as: "html", html: read.html, isCut: false, isSimplified: true }
    : { as: "tables", tables: read.sheets.map(({ name, rows }) => cut(name, rows)) };
