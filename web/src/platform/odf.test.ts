import { expect, test } from "vitest";
import { odfTables, odfText } from "./odf";

const SPACES = `xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"`;
const document = (kind: string, content: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?><office:document-content ${SPACES}><office:body><office:${kind}>${content}</office:${kind}></office:body></office:document-content>`;

test("a text is its headings, paragraphs, lists and tables", () => {
  const given = document(
    "text",
    `<text:h text:outline-level="2">Note</text:h><text:p>Deux<text:s text:c="2"/>ponts <text:span>fermés</text:span><text:line-break/>ce soir</text:p>
     <text:list><text:list-item><text:p>pompes</text:p></text:list-item></text:list>
     <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell></table:table-row></table:table>`,
  );
  expect(odfText(given)).toBe(
    "<h2>Note</h2><p>Deux  ponts fermés<br>ce soir</p><ul><li><p>pompes</p></li></ul><table><tr><td>a</td></tr></table>",
  );
});

test("what a text contains stays text, and remarks in its margin are not read out", () => {
  const given = document(
    "text",
    `<text:p>&lt;img src=x onerror=alert(1)&gt;<office:annotation><text:p>entre nous</text:p></office:annotation></text:p><draw xmlns="x"/>`,
  );
  expect(odfText(given)).toBe("<p>&lt;img src=x onerror=alert(1)&gt;</p>");
});

const cell = (text: string, given = ""): string => `<table:table-cell ${given}><text:p>${text}</text:p></table:table-cell>`;

test("a workbook is its sheets, with repeated cells and rows, without the empty ones at the end", () => {
  const rows = `<table:table-header-rows><table:table-row>${cell("commune")}${cell("x", 'table:number-columns-repeated="2"')}</table:table-row></table:table-header-rows>
    <table:table-row table:number-rows-repeated="2">${cell("Givors")}<table:table-cell table:number-columns-repeated="1020"/></table:table-row>
    <table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="1024"/></table:table-row>`;
  const given = document(
    "spreadsheet",
    `<table:table table:name="Relevés">${rows}</table:table><table:table table:name="Vide"/>`,
  );
  expect(odfTables(given)).toEqual([
    { name: "Relevés", rows: [["commune", "x", "x"], ["Givors"], ["Givors"]] },
    { name: "Vide", rows: [] },
  ]);
});

test("a sheet that is filled to its end is cut", () => {
  const full = `<table:table-row table:number-rows-repeated="1000000">${cell("x", 'table:number-columns-repeated="100000"')}</table:table-row>`;
  const [{ rows }] = odfTables(document("spreadsheet", `<table:table table:name="a">${full}</table:table>`));
  expect([rows.length, rows[0].length]).toEqual([2001, 101]);
});

test("lists within lists without end are cut", () => {
  const deep = "<text:list><text:list-item>".repeat(5000) + "</text:list-item></text:list>".repeat(5000);
  expect(odfText(document("text", deep)).length).toBeLessThan(2000);
});

test.each([
  ["entities that grow", `<!DOCTYPE a [<!ENTITY x "xx">]>${document("text", "")}`],
  ["another document", "<html><body>x</body></html>"],
  ["nothing", ""],
])("is not opened: %s", (_what, xml) => {
  expect(() => odfText(xml)).toThrow();
});
