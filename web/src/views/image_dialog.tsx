import { Dialog as AriaDialog, Modal, ModalOverlay } from "react-aria-components/Modal";
import { useTranslation } from "react-i18next";
import type { Attachment } from "../matrix/types";
import { keep } from "../platform/files";
import { Icon } from "./ui/icon";
import { keyOf, useApp, useLater } from "./use";

/** A picture as large as the screen. */
export function ImageDialog({ file, label, onClose }: { file: Attachment; label: string; onClose: () => void }) {
  const { t } = useTranslation();
  const app = useApp();
  const url = useLater(() => app.media.url(file), keyOf(file));
  return (
    <ModalOverlay className="scrim dark" isOpen isDismissable onOpenChange={(open) => !open && onClose()}>
      <Modal className="lightbox">
        <AriaDialog aria-label={label}>
          <div className="row g2 lighttools">
            <span className="grow cut">{file.name}</span>
            {url && (
              <button
                type="button"
                className="ib"
                aria-label={t("file.download", { name: file.name })}
                onClick={() => keep(url, file.name)}
              >
                <Icon name="download" />
              </button>
            )}
            <button type="button" className="ib" aria-label={t("close")} onClick={onClose}>
              <Icon name="x" />
            </button>
          </div>
          {url ? <img src={url} alt={label} /> : <p role="status">{url === null ? t("file.failed") : t("loading")}</p>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
