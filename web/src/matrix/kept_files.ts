/** Files that have not left yet, over a reload: sealed under a key that this browser does not give out. */

import type { PreparedFile } from "../platform/prepared_file";
import { type Sealed, seal, unseal } from "../platform/seal";
import { forget, load, save } from "../platform/store";
import type { Outgoing } from "./types";

/** A file on its way. */
export interface Parcel {
  /** The number of its message: the server takes the same one once. */
  id: string;
  room: string;
  thread: string | null;
  file: PreparedFile;
  caption: Outgoing | null;
}

/** Where they are kept. */
export interface FileKeeper {
  /** In the order in which they were sent. */
  load(): Promise<Parcel[]>;
  put(parcel: Parcel): void;
  remove(id: string): void;
}

const LIST = "outgoing files";
/** A larger one is sent by this visit or not at all: sealing it would take as much memory twice. */
const LARGEST = 100_000_000;

type Described = Omit<Parcel, "file"> & {
  file: Omit<PreparedFile, "blob" | "thumbnail"> & {
    type: string;
    thumbnail: { type: string; width: number; height: number } | null;
  };
};

export class KeptFiles implements FileKeeper {
  private list: Described[] = [];
  private written: Promise<unknown> = Promise.resolve();

  constructor(private readonly owner: string) {}

  /** What somebody else left here is not theirs to send: nothing. */
  async load(): Promise<Parcel[]> {
    const sealed = await load<Sealed>(LIST);
    if (!sealed) return [];
    const { owner, list } = JSON.parse(new TextDecoder().decode(await unseal(sealed))) as { owner: string; list: Described[] };
    if (owner !== this.owner) return [];
    const found = await Promise.all(list.map((each) => opened(each).catch(() => null)));
    this.list = [...list.filter((_, index) => found[index]), ...this.list];
    return found.filter((each) => each !== null);
  }

  put(parcel: Parcel): void {
    const { file } = parcel;
    if (file.blob.size > LARGEST) return;
    const { blob, thumbnail, ...rest } = file;
    const small = thumbnail ? { type: thumbnail.blob.type, width: thumbnail.width, height: thumbnail.height } : null;
    this.next(async () => {
      await keep(parcel.id, blob);
      if (thumbnail) await keep(`${parcel.id} small`, thumbnail.blob);
      this.list = [...this.list, { ...parcel, file: { ...rest, type: blob.type, thumbnail: small } }];
      await this.write();
    });
  }

  remove(id: string): void {
    this.next(async () => {
      if (!this.list.some((each) => each.id === id)) return;
      this.list = this.list.filter((each) => each.id !== id);
      await this.write();
      for (const each of [id, `${id} small`]) await forget(nameOf(each));
    });
  }

  /** One after the other. A browser that keeps nothing, or has no room, keeps this neither. */
  private next(what: () => Promise<unknown>): void {
    this.written = this.written.then(what).catch(() => {});
  }

  private async write(): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify({ owner: this.owner, list: this.list }));
    await save(LIST, await seal(bytes));
  }
}

const nameOf = (part: string): string => `outgoing ${part}`;

const keep = async (part: string, blob: Blob): Promise<void> =>
  save(nameOf(part), await seal(new Uint8Array(await blob.arrayBuffer())));

async function read(part: string, type: string): Promise<Blob> {
  const sealed = await load<Sealed>(nameOf(part));
  if (!sealed) throw new Error("not kept");
  return new Blob([await unseal(sealed)], { type });
}

async function opened({ file, ...parcel }: Described): Promise<Parcel> {
  const { type, thumbnail, ...rest } = file;
  const blob = await read(parcel.id, type);
  const small = thumbnail ? { ...thumbnail, blob: await read(`${parcel.id} small`, thumbnail.type) } : undefined;
  return { ...parcel, file: { ...rest, blob, thumbnail: small } };
}
