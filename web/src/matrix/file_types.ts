/** Which files a room with a marking takes. Without the SDK: the first page loads it. */

import type { Classification } from "./types";

/** Whether a file of a type may be sent in a room with a marking: of encrypted rooms only the client knows. */
export function allowsFile(level: Classification | null, mime: string): boolean {
  if (!level) return true;
  if (!level.files) return false;
  const kind = mime.split(";")[0].trim().toLowerCase();
  const fits = (pattern: string): boolean =>
    kind === pattern || (pattern.endsWith("/*") && kind.startsWith(pattern.slice(0, -1)));
  return !level.file_types.length || level.file_types.some(fits);
}
