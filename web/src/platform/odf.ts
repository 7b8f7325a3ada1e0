/** Texts and sheets of OpenDocument (ISO/IEC 26300), as far as they are read: headings, paragraphs, lists, tables. */

import { DOMParser } from "@xmldom/xmldom";
import type { Sheet } from "./office";

/** Rows and cells may be repeated a million times to fill a sheet: no more of them than this. */
const MOST = 2000;
const MOST_CELLS = 100;
const DEEPEST = 60;

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function bodyOf(xml: string): Element {
  if (/<!DOCTYPE|<!ENTITY/i.test(xml.slice(0, 10_000))) throw new Error("not an office file"); // it has none
  const quiet = { warning: () => {}, error: () => {}, fatalError: (why: string) => fail(why) };
  const body = new DOMParser({ errorHandler: quiet }).parseFromString(xml, "text/xml").getElementsByTagName("office:body")[0];
  return body ?? fail("not an office file");
}

function fail(why: string): never {
  throw new Error(why);
}

function elements(parent: Node): Element[] {
  const found: Element[] = [];
  for (let each = parent.firstChild; each; each = each.nextSibling) if (each.nodeType === 1) found.push(each as Element);
  return found;
}

/** What a paragraph says, in one piece; spaces and tabs are elements. */
function textOf(node: Node, depth = 0): string {
  if (depth > DEEPEST) return "";
  let text = "";
  for (let each = node.firstChild; each; each = each.nextSibling) {
    if (each.nodeType === 3) text += each.nodeValue ?? "";
    else if (each.nodeName === "text:s") text += " ".repeat(Math.min(200, times(each as Element, "text:c")));
    else if (each.nodeName === "text:tab") text += "\t";
    else if (each.nodeName === "text:line-break") text += "\n";
    else if (each.nodeName !== "office:annotation" && each.nodeName !== "text:note") text += textOf(each, depth + 1);
  }
  return text;
}

const times = (element: Element, name: string): number =>
  Math.max(1, Number.parseInt(element.getAttribute(name) || "1", 10) || 1);

/** A text as HTML, with nothing in it but what is said. */
export function odfText(xml: string): string {
  const body = elements(bodyOf(xml)).find((each) => each.nodeName === "office:text");
  return body ? blocks(body, 0) : "";
}

function blocks(parent: Element, depth: number): string {
  if (depth > DEEPEST) return "";
  return elements(parent)
    .map((each) => {
      switch (each.nodeName) {
        case "text:h": {
          const level = Math.min(6, times(each, "text:outline-level"));
          return `<h${level}>${lines(each)}</h${level}>`;
        }
        case "text:p":
          return `<p>${lines(each)}</p>`;
        case "text:list":
          return `<ul>${blocks(each, depth + 1)}</ul>`;
        case "text:list-item":
        case "text:list-header":
          return `<li>${blocks(each, depth + 1)}</li>`;
        case "table:table":
          return `<table>${rowsOf(each)
            .map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`)
            .join("")}</table>`;
        case "text:section":
        case "text:index-body":
        case "text:table-of-content":
          return blocks(each, depth + 1);
        default:
          return "";
      }
    })
    .join("");
}

const lines = (element: Element): string => escaped(textOf(element)).replaceAll("\n", "<br>");

/** The sheets of a workbook. */
export function odfTables(xml: string): Sheet[] {
  const body = elements(bodyOf(xml)).find((each) => each.nodeName === "office:spreadsheet");
  return body
    ? elements(body)
        .filter((each) => each.nodeName === "table:table")
        .map((each) => ({ name: each.getAttribute("table:name") || "", rows: rowsOf(each) }))
    : [];
}

const GROUPS = ["table:table-header-rows", "table:table-row-group", "table:table-rows"];

function rowsOf(table: Element, rows: string[][] = []): string[][] {
  for (const each of elements(table)) {
    if (GROUPS.includes(each.nodeName)) rowsOf(each, rows);
    else if (each.nodeName === "table:table-row") {
      const row = cellsOf(each);
      const again = row.length ? times(each, "table:number-rows-repeated") : 1;
      for (let turn = 0; turn < again && rows.length <= MOST; turn++) rows.push(row);
    }
    if (rows.length > MOST) break;
  }
  while (rows.length && rows.at(-1)!.length === 0) rows.pop();
  return rows;
}

/** Without the empty ones that fill a sheet to its end. */
function cellsOf(row: Element): string[] {
  const cells: string[] = [];
  for (const each of elements(row)) {
    if (each.nodeName !== "table:table-cell" && each.nodeName !== "table:covered-table-cell") continue;
    const said = elements(each)
      .filter((part) => part.nodeName === "text:p")
      .map((part) => textOf(part))
      .join("\n");
    for (let turn = times(each, "table:number-columns-repeated"); turn > 0 && cells.length <= MOST_CELLS; turn--)
      cells.push(said);
  }
  while (cells.length && cells.at(-1) === "") cells.pop();
  return cells;
}
