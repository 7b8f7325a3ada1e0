/** The search in a thread of its own: however much was read, the page does not wait for it. */

import { inTurn } from "./in_turn";
import { SearchStore } from "./search_store";
import type { Asked, Told } from "./search_thread";

const ask = inTurn(new SearchStore());

addEventListener("message", ({ data: { id, what, given } }: MessageEvent<Asked>) => {
  const tell = (told: Told): void => postMessage(told);
  ask(what, given).then(
    (result) => tell({ id, result }),
    (error) => tell({ id, failed: String(error) }),
  );
});
