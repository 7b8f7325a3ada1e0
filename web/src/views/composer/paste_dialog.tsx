import { useTranslation } from "react-i18next";
import type { ComposerViewModel } from "../../viewmodels/composer";
import { Dialog } from "../ui/dialog";

/** A long paste is offered as a file. */
export function PasteDialog({ pasted, model }: { pasted: string; model: ComposerViewModel }) {
  const { t } = useTranslation();
  return (
    <Dialog
      title={t("paste.title")}
      hint={t("paste.hint", { count: pasted.length })}
      onClose={() => model.pasteAs("text", "")}
      foot={
        <>
          <button type="button" className="btn" onClick={() => model.pasteAs("text", "")}>
            {t("paste.text")}
          </button>
          <button type="button" className="btn main" onClick={() => model.pasteAs("file", t("paste.name"))}>
            {t("paste.file")}
          </button>
        </>
      }
    >
      <p className="code-sample">{pasted.slice(0, 400)}…</p>
    </Dialog>
  );
}
