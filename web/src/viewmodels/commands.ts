/** What a line that begins with a slash does. */

import type { SomeConversation } from "../matrix/signed_in";
import type { Mention } from "./words";

export interface CommandNeeds {
  conversation: Pick<SomeConversation, "members" | "settings">;
  openPoll: () => void;
  left: () => void;
}

/** Null for a command that there is none of. `rest`: what follows its name. */
export function commandOf(name: string, rest: string, mentions: Mention[], needs: CommandNeeds): (() => unknown) | null {
  const { members, settings } = needs.conversation;
  const [first, ...others] = rest.split(/\s+/);
  const named = mentions.find((each) => rest.startsWith(`@${each.name}`));
  const person = named?.id ?? first;
  const reason = named ? rest.slice(named.name.length + 1).trim() : others.join(" ");
  const commands = new Map<string, () => unknown>([
    ["invite", () => members.invite(person)],
    ["kick", () => members.kick(person, reason)],
    ["ban", () => members.ban(person, reason)],
    ["topic", () => settings.setTopic(rest)],
    ["name", () => settings.setName(rest)],
    ["poll", () => needs.openPoll()],
    ["leave", () => needs.left()],
  ]);
  return commands.get(name) ?? null;
}
