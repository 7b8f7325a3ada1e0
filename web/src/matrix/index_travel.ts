/** What one device has read, the others of its person find as well: the index goes from one to the other in sealed parts.
 *
 * The server keeps them (`/_chappe/client/v1/sealed_index`) and knows their sizes. They are sealed under a key that is made of the
 * secret of the key backup: every confirmed device holds it, and so does the secret storage.
 */

import { type MatrixClient, Method } from "matrix-js-sdk";
import type { Search } from "../platform/search_thread";
import type { Places } from "./history_walk";

const PREFIX = "/_chappe/client/v1";
const PATH = "/sealed_index";
const PLACES = "places";

interface Listed {
  parts: Array<{ part: string; size: number }>;
  most_bytes: number;
}

export class IndexTravel {
  /** Whether there is somewhere to send it. */
  private isThere = true;
  /** Whether it waits for this device to be confirmed. */
  isWaiting = true;
  private running: Promise<void> | null = null;

  /** `secret`: null while this device may not open what the others have sealed; `took`: something came, with how far it was read. */
  constructor(
    private readonly client: MatrixClient,
    private readonly search: Search,
    private readonly secret: () => Promise<Uint8Array<ArrayBuffer> | null>,
    private readonly places: Places,
    private readonly took: (places: Places) => Promise<void>,
  ) {}

  /** Takes what others have read, gives what they lack. One round at a time; what fails is tried with the next. */
  round(): Promise<void> {
    this.running ??= this.go().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async go(): Promise<void> {
    const secret = this.isThere ? await this.secret() : null;
    this.isWaiting = this.isThere && secret === null;
    if (!secret) return;
    const known = await this.search.share(secret);
    const listed = await this.ask<Listed>(Method.Get, PATH).catch((error) => {
      if (error?.httpStatus === 404) this.isThere = false; // a server that keeps none
      throw error;
    });
    if (!listed.most_bytes) return;
    await this.pull(
      listed.parts.map((each) => each.part),
      known,
    );
    await this.push();
  }

  private async pull(names: string[], known: string[]): Promise<void> {
    const ours = await this.search.opening(names);
    for (const name of names.filter((each) => !ours.includes(each))) await this.remove(name); // of a key that is no more
    await this.search.forget(known.filter((each) => !names.includes(each)));
    let places: Places = new Map();
    for (const name of ours.filter((each) => !known.includes(each))) {
      const sealed = new Uint8Array(await (await this.get(name)).arrayBuffer());
      if (!name.endsWith(`-${PLACES}`)) await this.search.take(name, sealed);
      else places = new Map(((await this.search.openValue(name, sealed)) ?? []) as Array<[string, string | null]>);
    }
    await this.took(places);
  }

  private async push(): Promise<void> {
    let isWritten = false;
    for (let part = await this.search.nextPart(); part; part = await this.search.nextPart()) {
      await this.put(part.name, part.sealed);
      await this.search.wrote(part.name);
      for (const each of part.replaces) await this.remove(each);
      isWritten = true;
    }
    // last: whoever takes over how far history was read must find what was read
    const places = isWritten ? await this.search.sealValue(PLACES, [...this.places]) : null;
    if (places) await this.put(places.name, places.sealed);
  }

  private ask<T>(method: Method, path: string): Promise<T> {
    return this.client.http.authedRequest<T>(method, path, undefined, undefined, { prefix: PREFIX });
  }

  private get(name: string): Promise<Blob> {
    const path = `${PATH}/${encodeURIComponent(name)}`;
    return this.client.http.authedRequest<Blob>(Method.Get, path, undefined, undefined, {
      prefix: PREFIX,
      rawResponseBody: true,
    });
  }

  private put(name: string, sealed: Uint8Array<ArrayBuffer>): Promise<unknown> {
    const path = `${PATH}/${encodeURIComponent(name)}`;
    const headers = { "Content-Type": "application/octet-stream" };
    return this.client.http.authedRequest(Method.Put, path, undefined, new Blob([sealed]) as never, {
      prefix: PREFIX,
      headers,
    });
  }

  private remove(name: string): Promise<unknown> {
    return this.ask(Method.Delete, `${PATH}/${encodeURIComponent(name)}`);
  }
}
