import { expect, test } from "vitest";
import { compose } from "./markdown";
import { schema, toMarkdown } from "./rich_text";

const { doc, paragraph, bullet_list, list_item, blockquote, code_block } = schema.nodes;
const line = (text: string, ...marks: string[]) =>
  paragraph.create(
    null,
    schema.text(
      text,
      marks.map((each) => schema.mark(each)),
    ),
  );

test.each([
  ["bold", [line("19 h", "strong")], "**19 h**", "<strong>19 h</strong>"],
  ["signs that mean nothing", [line("2 * 3 * 4")], "2 \\* 3 \\* 4", null],
  [
    "an address",
    [line("https://e.org/~a_b_*c")],
    "https://e.org/~a_b_*c",
    '<a href="https://e.org/~a_b_*c">https://e.org/~a_b_*c</a>',
  ],
  [
    "a list",
    [bullet_list.create(null, [list_item.create(null, line("a")), list_item.create(null, line("b"))])],
    "- a\n- b",
    "<ul>\n<li>a</li>\n<li>b</li>\n</ul>",
  ],
  ["a quote", [blockquote.create(null, line("dit"))], "> dit", "<blockquote>\n<p>dit</p>\n</blockquote>"],
  ["code", [code_block.create(null, schema.text("a_b\n*c*"))], "```\na_b\n*c*\n```", "<pre><code>a_b\n*c*\n</code></pre>"],
])("%s of the rich field is kept as markdown and sent as HTML", (_name, blocks, markdown, html) => {
  const kept = toMarkdown(doc.create(null, blocks));
  expect(kept).toBe(markdown);
  expect(compose(kept, [])!.html).toBe(html);
});
