/** What the composer shows beside the text that is written. */

import type { Explanation } from "../matrix/errors";
import type { Item } from "../matrix/types";
import type { Suggestion } from "./suggestions";
import type { Worry } from "./words";

/** What is sent later. */
export interface Waiting {
  id: string;
  /** When, in milliseconds since 1970. */
  at: number;
}

/** What changes seldom: the text itself moves with every letter, and is followed apart (`ComposerViewModel.text`). */
export interface ComposerState {
  /** Nothing but spaces. */
  isBlank: boolean;
  /** Not even spaces: the field shows what it is for. */
  isEmpty: boolean;
  reply: Item | null;
  editing: Item | null;
  suggestions: Suggestion[];
  chosen: number;
  /** The emoji whose name was just written to its end: it takes that place. */
  named: { emoji: string } | null;
  worry: Worry | null;
  pasted: string | null;
  problem: Explanation | null;
  scheduled: Waiting[];
  /** Raised when the caret must go somewhere. */
  caret: { at: number; turn: number };
}

export const NONE: Suggestion[] = [];

/** What of a text the rest of the composer must know. */
export const lookOf = (text: string): Pick<ComposerState, "isBlank" | "isEmpty"> => ({
  isBlank: text.trim() === "",
  isEmpty: text === "",
});

export const beginning = (text: string): ComposerState => ({
  ...lookOf(text),
  reply: null,
  editing: null,
  suggestions: NONE,
  chosen: 0,
  named: null,
  worry: null,
  pasted: null,
  problem: null,
  scheduled: [],
  caret: { at: -1, turn: 0 },
});
