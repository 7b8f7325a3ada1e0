import { useId } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components/Modal";
import { useTranslation } from "react-i18next";
import { Icon } from "./icon";

interface Props {
  title: string;
  hint?: string;
  wide?: boolean;
  alert?: boolean;
  onClose: () => void;
  children: React.ReactNode;
  foot?: React.ReactNode;
}

/** A window over the others: it holds the focus, Escape closes it, the focus goes back where it was. */
export function Dialog({ title, hint, wide, alert, onClose, children, foot }: Props) {
  const { t } = useTranslation();
  return (
    <ModalOverlay className="scrim" isOpen isDismissable onOpenChange={(open) => !open && onClose()}>
      <Modal className="dialogbox" style={{ maxWidth: wide ? "52rem" : "36rem" }}>
        <AriaDialog className="dialog" role={alert ? "alertdialog" : "dialog"}>
          <div className="dhead">
            <div className="grow">
              <Heading slot="title" level={2}>
                {title}
              </Heading>
              {hint && <p className="muted mt1">{hint}</p>}
            </div>
            <button type="button" className="ib" aria-label={t("close")} onClick={onClose}>
              <Icon name="x" />
            </button>
          </div>
          <div className="dbody">{children}</div>
          {foot && <div className="dfoot">{foot}</div>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface Actions {
  /** What the main button does, in words. */
  go: string;
  onGo: () => void;
  onCancel: () => void;
  danger?: boolean;
  disabled?: boolean;
  /** What is missing before one can go on, in words: the button is grey, and says it. */
  missing?: string | null;
}

/** The foot of a dialog that asks: leave it, or go on. */
export function DialogActions({ go, onGo, onCancel, danger, disabled, missing }: Actions) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <>
      {missing && (
        <p className="hint grow missing" id={id}>
          {missing}
        </p>
      )}
      <button type="button" className="btn quiet" onClick={onCancel}>
        {t("cancel")}
      </button>
      <button
        type="button"
        className={danger ? "btn dangerfill" : "btn main"}
        disabled={disabled}
        aria-disabled={missing ? true : undefined}
        aria-describedby={missing ? id : undefined}
        onClick={() => !missing && onGo()}
      >
        {go}
      </button>
    </>
  );
}
