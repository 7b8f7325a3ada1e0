import { lazy, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment } from "../../matrix/types";
import { harmless } from "../../platform/html";
import { DocumentViewModel } from "../../viewmodels/document";
import type { PreviewKind, Table } from "../../viewmodels/preview";
import { keyOf, useMade, useSnapshot } from "../use";

const PdfPages = lazy(() => import("./pdf_pages").then((each) => ({ default: each.PdfPages })));

/** What a document says, in its place. */
export function DocumentView({ file, kind, scale }: { file: Attachment; kind: PreviewKind; scale: number }) {
  const { t } = useTranslation();
  const model = useMade(DocumentViewModel, keyOf(file), file, kind);
  const { opened, problem } = useSnapshot(model);
  if (problem)
    return (
      <p className="viewernote" role="alert">
        {t(`viewer.${problem}`)}
      </p>
    );
  if (!opened) return <p role="status">{t("loading")}</p>;
  if (opened.as === "pdf") return <PdfPages pdf={opened.pdf} scale={scale} name={file.name} />;
  if (opened.as === "tables") return <Tables tables={opened.tables} name={file.name} />;
  return (
    <Paper name={file.name} note={opened.as === "html" && opened.isSimplified ? t("viewer.simplified") : null}>
      {opened.as === "html" ? <Html html={opened.html} /> : <pre className="viewertext">{opened.text}</pre>}
      {opened.isCut && <p className="hint">{t("viewer.cut")}</p>}
    </Paper>
  );
}

function Html({ html }: { html: string }) {
  const clean = useMemo(() => harmless(html, "", (id) => id), [html]);
  // made harmless above
  return <div className="txt rich" dangerouslySetInnerHTML={{ __html: clean }} />;
}

interface PaperProps {
  name: string;
  note?: string | null;
  children: React.ReactNode;
}

/** What is longer than the screen is reached by the keyboard too. */
const Paper = ({ name, note, children }: PaperProps) => (
  <section className="viewerpaper" aria-label={name} tabIndex={0}>
    {note && <p className="note info t13">{note}</p>}
    {children}
  </section>
);

function Tables({ tables, name }: { tables: Table[]; name: string }) {
  const { t } = useTranslation();
  const [at, setAt] = useState(0);
  const table = tables[at];
  if (!table) return <p className="viewernote">{t("viewer.nothing")}</p>;
  return (
    <Paper name={name}>
      {tables.length > 1 && (
        <div className="chips" role="group" aria-label={t("viewer.sheets")}>
          {tables.map((each, index) => (
            <button type="button" key={index} className="chip" aria-pressed={index === at} onClick={() => setAt(index)}>
              {each.name || index + 1}
            </button>
          ))}
        </div>
      )}
      {table.rows.length ? (
        <table className="viewertable" aria-label={table.name ?? name}>
          <tbody>
            {table.rows.map((row, index) => (
              <tr key={index}>
                {row.map((cell, column) => (
                  <td key={column}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      ) : (
        <p className="muted">{t("viewer.nothing")}</p>
      )}
      {table.isCut && <p className="hint">{t("viewer.cut")}</p>}
    </Paper>
  );
}
