/** Pictures and files, as addresses that a page can show. */

import type { SignedIn } from "../matrix/signed_in";
import type { Attachment } from "../matrix/types";

export interface LinkPreview {
  title: string;
  text: string;
  image: string | null;
}

export class MediaViewModel {
  constructor(private readonly matrix: Pick<SignedIn, "media">) {}

  /** A small picture: of somebody, of a room, of a link. */
  readonly picture = (mxc: string, size: number): Promise<string> => this.matrix.media.picture(mxc, size);

  /** The whole file. */
  readonly url = (file: Attachment): Promise<string> => this.matrix.media.url(file);

  /** What stands for a picture on the screen. */
  readonly small = (file: Attachment): Promise<string> => this.matrix.media.small(file);

  /** What a video shows before it plays; empty where it has nothing. */
  readonly poster = async (file: Attachment): Promise<string> =>
    file.thumbnail ? this.matrix.media.url({ ...file, mime: "image/webp" }, true) : "";

  readonly preview = (link: string, ts: number): Promise<LinkPreview | null> => this.matrix.media.preview(link, ts);

  /** Whether there is an antivirus, to be asked before a file is shown. */
  get isScanned(): boolean {
    return this.matrix.media.isScanned;
  }

  /** Why the antivirus has stopped a file: null for a clean one, and where there is no antivirus. */
  readonly verdict = async (file: Attachment): Promise<string | null> =>
    this.isScanned ? this.matrix.media.verdict(file) : null;
}
