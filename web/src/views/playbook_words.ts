/** What is done to a playbook, in words: for the log, for people who listen, for clients that do not know playbooks. */

import type { TFunction } from "i18next";
import type { LogEntry, PlannedStep } from "../matrix/playbook_merge";
import type { PlaybookEntry, PlaybookStep } from "../matrix/playbooks";
import { urgency } from "../viewmodels/playbooks";
import { short, time } from "./format";

/** What a line of the log says. `name`: whoever it was given to; null: whoever did it. */
type Done = Pick<LogEntry, "kind" | "text" | "state" | "due"> & { owner?: { id: string; name: string } | null };

export function doneWords(t: TFunction, { kind, text, state, owner, due }: Done, sender: string): string {
  switch (kind) {
    case "state":
      return t(`playbook.log.${state ?? "todo"}`, { text });
    case "owner":
      if (!owner) return t("playbook.log.nobody", { text });
      return owner.id === sender ? t("playbook.log.taken", { text }) : t("playbook.log.given", { text, name: owner.name });
    case "due":
      return due ? t("playbook.log.due", { text, time: when(due) }) : t("playbook.log.noDue", { text });
    case "add":
    case "start":
      return t(`playbook.log.${kind}`, { text });
    case "close":
    case "reopen":
      return t(`playbook.log.${kind}`);
    default:
      return text;
  }
}

export const entryWords = (t: TFunction, entry: PlaybookEntry): string => doneWords(t, entry, entry.sender.id);

/** The same as a message of its own. */
export const asMessage = (t: TFunction, title: string, done: string): string => t("playbook.message", { title, done });

/** The hour of a day, or the day and the hour. */
export const when = (ts: number): string => {
  const day = short(ts);
  return day === time(ts) ? day : `${day} ${time(ts)}`;
};

const whole = (ms: number): number => Math.max(Math.round(ms / 60_000), 1) * 60;

/** `isOver`: nothing is late any more, nor soon. */
export function dueWords(t: TFunction, { state, at, due }: PlaybookStep, now: number, isOver: boolean): string | null {
  if (state === "not_applicable") return t("playbook.not_applicable");
  if (state === "done") return at === null ? null : when(at);
  const how = urgency(due, now);
  if (due === null || how === null) return null;
  if (isOver) return t("playbook.before", { time: when(due) });
  if (how === "late") return t("playbook.lateFor", { seconds: whole(now - due) });
  return how === "soon"
    ? t("playbook.soon", { time: when(due), seconds: whole(due - now) })
    : t("playbook.before", { time: when(due) });
}

/** A whole plan as a message that any client shows. */
export function planWords(t: TFunction, title: string, steps: PlannedStep[]): string {
  const lines = [t("playbook.called", { title })];
  let phase = "";
  for (const each of steps) {
    if (each.phase !== phase) lines.push("", each.phase);
    phase = each.phase;
    lines.push(`☐ ${each.text}${each.due ? ` (${t("playbook.before", { time: when(each.due) })})` : ""}`);
  }
  return lines.join("\n");
}
