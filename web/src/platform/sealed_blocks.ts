/** Blocks that this browser keeps between visits, each sealed under a key that it holds and does not give out. */

import type { Sealed } from "./seal";

export class SealedBlocks {
  private key: CryptoKey | null = null;

  private constructor(private readonly database: IDBDatabase) {
    database.onversionchange = () => database.close(); // it is being removed: whoever holds it would keep it
  }

  static async open(name: string): Promise<SealedBlocks> {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("values");
    return new SealedBlocks(await settled(request));
  }

  /** Reads the key, or makes one: nothing is sealed or opened before. */
  async unlock(): Promise<void> {
    this.key = (await this.get<CryptoKey>("key")) ?? null;
    if (this.key) return;
    this.key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    await this.put("key", this.key);
  }

  /** All blocks in their order; what cannot be opened is empty. */
  async read<T>(): Promise<T[][]> {
    const count = (await this.get<number>("count")) ?? 0;
    const blocks: T[][] = [];
    for (let index = 0; index < count; index++) {
      const sealed = await this.get<Sealed>(`block ${index}`);
      blocks.push(sealed ? await this.unseal<T[]>(sealed).catch(() => []) : []);
    }
    return blocks;
  }

  async write(index: number, block: unknown[]): Promise<void> {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(block));
    const bytes = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.unlocked, plain);
    await this.put(`block ${index}`, { iv, bytes });
  }

  setCount(count: number): Promise<void> {
    return this.put("count", count);
  }

  /** A value beside the blocks, in the clear. */
  async get<T>(name: string): Promise<T | undefined> {
    return (await settled(this.database.transaction("values").objectStore("values").get(name))) as T | undefined;
  }

  async put(name: string, value: unknown): Promise<void> {
    await settled(this.database.transaction("values", "readwrite").objectStore("values").put(value, name));
  }

  close(): void {
    this.database.close();
  }

  private async unseal<T>({ iv, bytes }: Sealed): Promise<T> {
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, this.unlocked, bytes);
    return JSON.parse(new TextDecoder().decode(plain));
  }

  private get unlocked(): CryptoKey {
    if (!this.key) throw new Error("the blocks are not unlocked");
    return this.key;
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
