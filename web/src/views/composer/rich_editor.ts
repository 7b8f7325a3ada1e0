/** The editor under the rich field: keys, typing rules, commands. */

import { baseKeymap, chainCommands, exitCode, lift, setBlockType, toggleMark, wrapIn } from "prosemirror-commands";
import { history, redo, undo } from "prosemirror-history";
import { InputRule, inputRules, textblockTypeInputRule, wrappingInputRule } from "prosemirror-inputrules";
import { keymap } from "prosemirror-keymap";
import { DOMParser, type MarkType, type Node, type NodeType } from "prosemirror-model";
import { liftListItem, sinkListItem, splitListItem, wrapInList } from "prosemirror-schema-list";
import { type Command, EditorState, TextSelection } from "prosemirror-state";
import { toHtml } from "../../viewmodels/markdown";
import { schema } from "../../viewmodels/rich_text";

const { nodes, marks } = schema;

export type Format = "bold" | "italic" | "strike" | "code" | "bullets" | "numbers" | "quote" | "block";

/** Markdown as a document. It is read by a parser that runs and loads nothing. */
export function fromMarkdown(markdown: string): Node {
  const page = new window.DOMParser().parseFromString(toHtml(markdown), "text/html");
  return DOMParser.fromSchema(schema).parse(page.body);
}

/** What was written so far, with the caret behind it. */
export function newState(markdown: string): EditorState {
  const doc = fromMarkdown(markdown);
  return EditorState.create({
    doc,
    selection: TextSelection.atEnd(doc),
    plugins: [rules, keys, keymap(baseKeymap), history()],
  });
}

const newLine: Command = (state, dispatch) => {
  dispatch?.(state.tr.replaceSelectionWith(nodes.hard_break.create()).scrollIntoView());
  return true;
};

const keys = keymap({
  "Mod-z": undo,
  "Mod-y": redo,
  "Shift-Mod-z": redo,
  "Mod-b": toggleMark(marks.strong),
  "Mod-i": toggleMark(marks.em),
  "Mod-e": toggleMark(marks.code),
  Enter: splitListItem(nodes.list_item),
  "Shift-Enter": chainCommands(exitOnEmptyLine, inCode, splitListItem(nodes.list_item), newLine),
  Tab: sinkListItem(nodes.list_item),
  "Shift-Tab": liftListItem(nodes.list_item),
});

function inCode(state: EditorState, dispatch?: Parameters<Command>[1]): boolean {
  if (!state.selection.$head.parent.type.spec.code) return false;
  dispatch?.(state.tr.insertText("\n").scrollIntoView());
  return true;
}

/** The second empty line of a block of code leaves it. */
function exitOnEmptyLine(state: EditorState, dispatch?: Parameters<Command>[1]): boolean {
  const { $head, empty } = state.selection;
  const ends = empty && $head.parent.type.spec.code && $head.parentOffset === $head.parent.content.size;
  if (!ends || !$head.parent.textContent.endsWith("\n")) return false;
  return exitCode(state, (tr) => dispatch?.(tr.delete($head.pos - 1, $head.pos)));
}

/** `**this**` becomes bold when its last sign is typed. */
const markRule = (pattern: RegExp, type: MarkType): InputRule =>
  new InputRule(pattern, (state, match, start, end) => {
    const from = start + match[0].indexOf(match[1]);
    const inner = state.schema.text(match[2], [...(state.doc.resolve(from).marks() ?? []), type.create()]);
    return state.tr.replaceWith(from, end, inner).removeStoredMark(type);
  });

const rules = inputRules({
  rules: [
    wrappingInputRule(/^\s*>\s$/, nodes.blockquote),
    wrappingInputRule(/^\s*[-*]\s$/, nodes.bullet_list),
    wrappingInputRule(
      /^(\d{1,4})\.\s$/,
      nodes.ordered_list,
      (match) => ({ start: Number(match[1]) }),
      (match, node) => node.childCount + node.attrs.start === Number(match[1]),
    ),
    textblockTypeInputRule(/^```$/, nodes.code_block),
    markRule(/(?:^|\s|\()(\*\*([^*\s](?:[^*]*[^*\s])?)\*\*)$/, marks.strong),
    markRule(/(?:^|\s|\()((?<!\*)[*_]([^*_\s](?:[^*_]*[^*_\s])?)[*_])$/, marks.em),
    markRule(/(?:^|\s|\()(~~([^~\s](?:[^~]*[^~\s])?)~~)$/, marks.strike),
    markRule(/(?:^|\s|\()(`([^`]+)`)$/, marks.code),
  ],
});

const within = (state: EditorState, type: NodeType): boolean => {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth > 0; depth--) if ($from.node(depth).type === type) return true;
  return false;
};

const hasMark = (state: EditorState, type: MarkType): boolean => {
  const { from, to, empty, $from } = state.selection;
  return empty ? Boolean(type.isInSet(state.storedMarks ?? $from.marks())) : state.doc.rangeHasMark(from, to, type);
};

interface Formatting {
  on: (state: EditorState) => boolean;
  toggle: (state: EditorState) => Command;
}

const asMark = (type: MarkType): Formatting => ({
  on: (state) => hasMark(state, type),
  toggle: () => toggleMark(type),
});
const asList = (type: NodeType): Formatting => ({
  on: (state) => within(state, type),
  toggle: (state) => (within(state, type) ? liftListItem(nodes.list_item) : wrapInList(type)),
});

/** Each button of the bar: whether it is pressed where the caret is, and what pressing it does. */
export const FORMATS: Record<Format, Formatting> = {
  bold: asMark(marks.strong),
  italic: asMark(marks.em),
  strike: asMark(marks.strike),
  code: asMark(marks.code),
  bullets: asList(nodes.bullet_list),
  numbers: asList(nodes.ordered_list),
  quote: {
    on: (state) => within(state, nodes.blockquote),
    toggle: (state) => (within(state, nodes.blockquote) ? lift : wrapIn(nodes.blockquote)),
  },
  block: {
    on: (state) => within(state, nodes.code_block),
    toggle: (state) => setBlockType(within(state, nodes.code_block) ? nodes.paragraph : nodes.code_block),
  },
};

/** Makes a link of what is selected, or writes the address as its own name. */
export const linkTo =
  (href: string): Command =>
  (state, dispatch) => {
    const { from, to, empty } = state.selection;
    const mark = marks.link.create({ href });
    const tr = empty ? state.tr.insert(from, [schema.text(href, [mark]), schema.text(" ")]) : state.tr.addMark(from, to, mark);
    dispatch?.(tr.removeStoredMark(marks.link));
    return true;
  };
