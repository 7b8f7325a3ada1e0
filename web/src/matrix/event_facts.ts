/** What every event of a server has; the SDK's types say that it may be missing. */

import type { MatrixEvent } from "matrix-js-sdk";

export const idOf = (event: MatrixEvent): string => event.getId() ?? "";
export const senderOf = (event: MatrixEvent): string => event.getSender() ?? "";
export const roomOf = (event: MatrixEvent): string => event.getRoomId() ?? "";
