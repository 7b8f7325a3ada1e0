/** Files on their way into a conversation. */

import { allowsFile } from "../matrix/file_types";
import type { SomeConversation } from "../matrix/signed_in";
import type { RoomDetails } from "../matrix/types";
import type { PreparedFile } from "../platform/prepared_file";
import { ViewModel } from "./view_model";

export interface Upload {
  id: number;
  name: string;
  size: number;
  sent: number;
  state: "sending" | "failed" | "too-large" | "not-allowed";
}

interface State {
  uploads: Upload[];
}

export interface UploadNeeds {
  conversation: Pick<SomeConversation, "sendFile">;
  details: () => RoomDetails | null;
  prepare: (file: File) => Promise<PreparedFile>;
  /** In bytes; null where the server does not say. */
  fileLimit: () => Promise<number | null>;
}

export class UploadsViewModel extends ViewModel<State> {
  private counter = 0;
  private readonly aborts = new Map<number, AbortController>();
  private readonly files = new Map<number, { file: PreparedFile; caption: string }>();

  constructor(
    private readonly needs: UploadNeeds,
    private readonly threadId: string | null,
  ) {
    super({ uploads: [] });
  }

  readonly attach = async (files: File[], caption = ""): Promise<void> => {
    const limit = await this.needs.fileLimit();
    for (const file of files) {
      const id = ++this.counter;
      const upload: Upload = {
        id,
        name: file.name,
        size: file.size,
        sent: 0,
        state: !this.allows(file.type) ? "not-allowed" : limit && file.size > limit ? "too-large" : "sending",
      };
      this.set({ uploads: [...this.now.uploads, upload] });
      if (upload.state !== "sending") continue;
      this.files.set(id, { file: await this.needs.prepare(file), caption });
      await this.upload(id);
    }
  };

  readonly attachPrepared = async (file: PreparedFile): Promise<void> => {
    const id = ++this.counter;
    const state = this.allows(file.blob.type) ? "sending" : "not-allowed";
    this.set({ uploads: [...this.now.uploads, { id, name: file.name, size: file.blob.size, sent: 0, state }] });
    if (state === "not-allowed") return;
    this.files.set(id, { file, caption: "" });
    await this.upload(id);
  };

  private allows(mime: string): boolean {
    return allowsFile(this.needs.details()?.level ?? null, mime || "application/octet-stream");
  }

  private async upload(id: number): Promise<void> {
    const known = this.files.get(id);
    if (!known) return;
    const abort = new AbortController();
    this.aborts.set(id, abort);
    this.change(id, { state: "sending", sent: 0 });
    try {
      await this.needs.conversation.sendFile(
        known.file,
        known.caption,
        this.threadId,
        (sent) => this.change(id, { sent }),
        abort.signal,
      );
      this.forget(id);
    } catch {
      if (abort.signal.aborted) this.forget(id);
      else this.change(id, { state: "failed" });
    }
  }

  readonly retry = (id: number): void => void this.upload(id);

  readonly cancel = (id: number): void => {
    this.aborts.get(id)?.abort();
    this.forget(id);
  };

  private change(id: number, change: Partial<Upload>): void {
    this.set({ uploads: this.now.uploads.map((each) => (each.id === id ? { ...each, ...change } : each)) });
  }

  private forget(id: number): void {
    this.files.delete(id);
    this.aborts.delete(id);
    this.set({ uploads: this.now.uploads.filter((each) => each.id !== id) });
  }
}
