/** Formatted text as a document, and as the markdown that is kept and sent. */

import { MarkdownSerializer, type MarkdownSerializerState } from "prosemirror-markdown";
import { type Mark, type Node, Schema } from "prosemirror-model";

/** What a message may hold: what Matrix clients show the same everywhere. */
export const schema = new Schema({
  nodes: {
    doc: { content: "block+" },
    paragraph: { content: "inline*", group: "block", parseDOM: [{ tag: "p" }], toDOM: () => ["p", 0] },
    blockquote: {
      content: "block+",
      group: "block",
      defining: true,
      parseDOM: [{ tag: "blockquote" }],
      toDOM: () => ["blockquote", 0],
    },
    code_block: {
      content: "text*",
      marks: "",
      group: "block",
      code: true,
      defining: true,
      parseDOM: [{ tag: "pre", preserveWhitespace: "full" }],
      toDOM: () => ["pre", ["code", 0]],
    },
    bullet_list: { content: "list_item+", group: "block", parseDOM: [{ tag: "ul" }], toDOM: () => ["ul", 0] },
    ordered_list: {
      content: "list_item+",
      group: "block",
      attrs: { start: { default: 1 } },
      parseDOM: [{ tag: "ol", getAttrs: (element) => ({ start: Number(element.getAttribute("start") ?? 1) }) }],
      toDOM: (node) => ["ol", { start: node.attrs.start }, 0],
    },
    list_item: { content: "paragraph block*", defining: true, parseDOM: [{ tag: "li" }], toDOM: () => ["li", 0] },
    text: { group: "inline" },
    hard_break: { inline: true, group: "inline", selectable: false, parseDOM: [{ tag: "br" }], toDOM: () => ["br"] },
  },
  marks: {
    strong: { parseDOM: [{ tag: "strong" }, { tag: "b" }], toDOM: () => ["strong", 0] },
    em: { parseDOM: [{ tag: "em" }, { tag: "i" }], toDOM: () => ["em", 0] },
    strike: { parseDOM: [{ tag: "del" }, { tag: "s" }], toDOM: () => ["del", 0] },
    link: {
      attrs: { href: {} },
      inclusive: false,
      parseDOM: [{ tag: "a[href]", getAttrs: (element) => ({ href: element.getAttribute("href") }) }],
      toDOM: (mark) => ["a", { href: mark.attrs.href }, 0],
    },
    code: { code: true, parseDOM: [{ tag: "code" }], toDOM: () => ["code", 0] },
  },
});

const ADDRESS = /(https?:\/\/[^\s<]+)/;

const serializer = new MarkdownSerializer(
  {
    blockquote: (state, node) => state.wrapBlock("> ", null, node, () => state.renderContent(node)),
    code_block: (state, node) => {
      const fence = "`".repeat(Math.max(3, ...(node.textContent.match(/`{3,}/g) ?? []).map((each) => each.length + 1)));
      state.write(`${fence}\n`);
      state.text(node.textContent, false);
      state.write(`\n${fence}`);
      state.closeBlock(node);
    },
    bullet_list: (state, node) => state.renderList(node, "  ", () => "- "),
    ordered_list: (state, node) => state.renderList(node, "   ", (index) => `${node.attrs.start + index}. `),
    list_item: (state, node) => state.renderContent(node),
    paragraph: (state, node) => {
      state.renderInline(node);
      state.closeBlock(node);
    },
    hard_break: (state) => state.write("\n"),
    text: (state, node) => {
      // an address is kept as it is: a sign before "_" or "~" would break it
      for (const [index, part] of node.text!.split(ADDRESS).entries()) state.text(part, index % 2 === 0);
    },
  },
  {
    strong: { open: "**", close: "**", mixable: true, expelEnclosingWhitespace: true },
    em: { open: "_", close: "_", mixable: true, expelEnclosingWhitespace: true },
    strike: { open: "~~", close: "~~", mixable: true, expelEnclosingWhitespace: true },
    link: { open: linkOpen, close: linkClose },
    code: { open: fenceOf, close: fenceOf, escape: false },
  },
  { strict: true },
);

/** A document as markdown, lists without lines between their items. */
export const toMarkdown = (doc: Node): string => serializer.serialize(doc, { tightLists: true });

/** The text before a place of the document, blocks on lines of their own: what completion looks at. */
export const textBefore = (doc: Node, place: number): string => doc.textBetween(0, place, "\n", "\n");

/** Whether an address that stands by itself is a link without saying so. */
const isBare = (mark: Mark, parent: Node, index: number): boolean => {
  const text = parent.child(index).text ?? "";
  const next = parent.maybeChild(index + 1);
  return text === mark.attrs.href && ADDRESS.test(text) && !(next?.isText && /^\S/.test(next.text ?? ""));
};

function linkOpen(_state: MarkdownSerializerState, mark: Mark, parent: Node, index: number): string {
  return isBare(mark, parent, index) ? "" : "[";
}

function linkClose(_state: MarkdownSerializerState, mark: Mark, parent: Node, index: number): string {
  return isBare(mark, parent, index - 1) ? "" : `](${mark.attrs.href.replace(/[()\s]/g, encodeURIComponent)})`;
}

function fenceOf(_state: MarkdownSerializerState, _mark: Mark, parent: Node, index: number): string {
  const text = parent.maybeChild(index)?.text ?? parent.maybeChild(index - 1)?.text ?? "";
  return text.includes("`") ? "``" : "`";
}
