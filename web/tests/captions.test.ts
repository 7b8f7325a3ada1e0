import { expect, test } from "vitest";
import { attachment } from "../src/matrix/item_content";

const HTML = { format: "org.matrix.custom.html", formatted_body: "les <b>plans</b>" };

test.each([
  ["a name alone is no caption", { body: "plan.pdf" }, ["plan.pdf", null, null]],
  ["the same name twice is none", { body: "plan.pdf", filename: "plan.pdf", ...HTML }, ["plan.pdf", null, null]],
  ["another body is one", { body: "les plans", filename: "plan.pdf" }, ["plan.pdf", "les plans", null]],
  ["it may be formatted", { body: "les plans", filename: "plan.pdf", ...HTML }, ["plan.pdf", "les plans", HTML.formatted_body]],
  ["an empty one is none", { body: "", filename: "plan.pdf" }, ["plan.pdf", null, null]],
])("captions of others: %s", (_what, content, [name, caption, html]) => {
  expect(attachment({ ...content, url: "mxc://a/b" })).toMatchObject({ name, caption, captionHtml: html });
});
