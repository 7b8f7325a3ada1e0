import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { PageSize, Pdf } from "../../platform/pdf";

const WIDEST = 900;

/** The pages of a PDF, below each other; only those near the screen are drawn. */
export function PdfPages({ pdf, scale, name }: { pdf: Pdf; scale: number; name: string }) {
  const { t } = useTranslation();
  const box = useRef<HTMLElement>(null);
  const [room, setRoom] = useState(0);
  const [first, setFirst] = useState<PageSize | null>(null);

  useEffect(() => {
    const watcher = new ResizeObserver(() => setRoom(Math.min(WIDEST, box.current!.clientWidth - 16)));
    watcher.observe(box.current!);
    pdf.size(1).then(setFirst, () => {});
    return () => watcher.disconnect();
  }, [pdf]);

  return (
    <section ref={box} className="viewerpdf" tabIndex={0} aria-label={t("viewer.pages", { name, count: pdf.pages })}>
      {first &&
        room > 0 &&
        Array.from({ length: pdf.pages }, (_, index) => (
          <Page key={index} pdf={pdf} page={index + 1} width={Math.round(room * scale)} like={first} />
        ))}
    </section>
  );
}

interface PageProps {
  pdf: Pdf;
  page: number;
  width: number;
  /** How large it is believed to be before it is known. */
  like: PageSize;
}

function Page({ pdf, page, width, like }: PageProps) {
  const { t } = useTranslation();
  const sheet = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const words = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState(like);
  const [isNear, setNear] = useState(false);

  useEffect(() => {
    const watcher = new IntersectionObserver(([seen]) => setNear(seen.isIntersecting), { rootMargin: "600px 0px" });
    watcher.observe(sheet.current!);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    if (!isNear) return;
    pdf.size(page).then(setSize, () => {});
    return pdf.draw(page, width, canvas.current!, words.current!);
  }, [pdf, page, width, isNear]);

  return (
    <div
      ref={sheet}
      className="viewerpage"
      role="group"
      aria-label={t("viewer.page", { page, of: pdf.pages })}
      style={{ width, height: Math.round((width * size.height) / size.width) }}
    >
      <canvas ref={canvas} />
      <div ref={words} className="pdfwords" />
    </div>
  );
}
