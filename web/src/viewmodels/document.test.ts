import { expect, test } from "vitest";
import { settled, signedIn } from "../../tests/fakes";
import type { Attachment } from "../matrix/types";
import type { Pdf } from "../platform/pdf";
import { DocumentViewModel, type Readers } from "./document";
import type { PreviewKind } from "./preview";

const attached = (name: string): Attachment => ({
  name, mime: "application/octet-stream", size: 1, width: null, height: null, duration: null, waveform: null, caption: null,
  captionHtml: null, source: "mxc://a/b", thumbnail: null,
}); // biome-ignore format: one line

async function opened(
  name: string,
  kind: PreviewKind,
  given: { text?: string; error?: object; readers?: Partial<Readers> } = {},
) {
  const bytes = async (): Promise<Uint8Array<ArrayBuffer>> => {
    if (given.error) throw given.error;
    return new TextEncoder().encode(given.text ?? "");
  };
  const never = async (): Promise<never> => {
    throw new Error("not asked for");
  };
  const readers = { pdf: never, office: never, markdown: never, ...given.readers };
  const model = new DocumentViewModel(signedIn({ media: { bytes } }), attached(name), kind, readers);
  expect(model.snapshot()).toEqual({ opened: null, problem: null });
  await settled();
  return model;
}

test("a text is shown as it is, whatever is in it; markdown as it is meant", async () => {
  const text = "<script>alert(1)</script>";
  expect((await opened("a.txt", "text", { text })).snapshot().opened).toEqual({ as: "text", text, isCut: false });
  const markdown = async (given: string): Promise<string> => `<p>${given}</p>`;
  expect((await opened("a.markdown", "text", { text: "**b**", readers: { markdown } })).snapshot().opened).toMatchObject({
    as: "html",
    html: "<p>**b**</p>",
    isSimplified: false,
  });
});

test("tables are rows, of a file or of sheets with their names", async () => {
  expect((await opened("a.csv", "table", { text: "a;b\n1;2" })).snapshot().opened).toMatchObject({
    as: "tables",
    tables: [{ name: null, rows: [["a", "b"], ["1", "2"]] }], // biome-ignore format: one line
  });
  const office = async () => ({ sheets: [{ name: "Relevés", rows: [["x"]] }] });
  expect((await opened("a.ods", "sheet", { readers: { office } })).snapshot().opened).toEqual({
    as: "tables",
    tables: [{ name: "Relevés", rows: [["x"]], isCut: false }],
  });
});

test("a text of an office program is what it says, not how it is laid out", async () => {
  const office: Readers["office"] = async (kind) => ({ html: `<p>${kind}</p>` });
  expect((await opened("a.odt", "writing", { readers: { office } })).snapshot().opened).toEqual({
    as: "html",
    html: "<p>writing</p>",
    isCut: false,
    isSimplified: true,
  });
});

test("a PDF is let go of with its view, also where it was opened too late", async () => {
  let closed = 0;
  const pdf = { close: () => void closed++ } as unknown as Pdf;
  const model = await opened("a.pdf", "pdf", { readers: { pdf: async () => pdf } });
  expect(model.snapshot().opened).toEqual({ as: "pdf", pdf });
  model.close();
  expect(closed).toBe(1);
  const late = new DocumentViewModel(signedIn({ media: { bytes: async () => new Uint8Array() } }), attached("a.pdf"), "pdf", {
    pdf: async () => pdf,
    office: async () => ({ html: "" }),
    markdown: async () => "",
  });
  late.close();
  await settled();
  expect(closed).toBe(2);
});

test.each([
  ["the antivirus has stopped it", { isStopped: true }, "stopped"],
  ["it wants a password", { name: "PasswordException" }, "password"],
  ["it is broken, or not there", new Error("404"), "failed"],
])("what is not opened says why: %s", async (_what, error, problem) => {
  expect((await opened("a.pdf", "pdf", { error })).snapshot()).toEqual({ opened: null, problem });
});
