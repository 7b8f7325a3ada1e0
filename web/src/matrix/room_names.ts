/** How a room is called that nobody has given a name: by who is in it. */

import type { RoomNameState } from "matrix-js-sdk";
import { splitName } from "./people";

/** Beyond so many the others are counted. */
const MOST = 3;
/** So many members of a room the server names. */
const HEROES = 5;

export type Words = (key: string, values?: Record<string, string | number>) => string;

/** `words`: the sentences of the language that was chosen. People are named without the organisation in brackets. */
export function nameRoom(state: RoomNameState, words: Words, language: string): string {
  if ("name" in state) return state.name;
  if (!("names" in state)) return state.oldName ? words("roomName.left", { name: state.oldName }) : words("roomName.empty");
  const { names, count } = state;
  if (!names.length) return words("roomName.empty");
  const shown = names.slice(0, MOST).map((each) => splitName(each).name);
  // of those who have left, and of addresses, the SDK counts one more than there are
  const isOneMore = count === names.length + 1 && names.length < HEROES;
  const others = Math.max(isOneMore ? 0 : count, names.length) - shown.length;
  const told = others > 0 ? [...shown, words("roomName.others", { count: others })] : shown;
  return new Intl.ListFormat(language, { type: "conjunction" }).format(told);
}
