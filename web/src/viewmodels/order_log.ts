/** What is done about orders, in the log of the room's newest plan that is under way: so the log tells it, and the record of its end. */

import type { SomeConversation } from "../matrix/signed_in";

const MOST_TEXT = 2000;

/** A line of the log; `body`: the same for clients that do not know logs, by the title of the plan. */
export interface LogLine {
  text: string;
  body: (title: string) => string;
}

/** Where there is no plan nothing is written. What has been done stays done, whatever becomes of its line. */
export async function enterInLog({ playbooks }: Pick<SomeConversation, "playbooks">, line: LogLine | undefined): Promise<void> {
  const [newest] = line ? playbooks.open() : [];
  if (!newest || !line) return;
  const text = line.text.trim().slice(0, MOST_TEXT);
  await playbooks.act(newest.id, { kind: "entry", text }, line.body(newest.title)).catch(() => {});
}
