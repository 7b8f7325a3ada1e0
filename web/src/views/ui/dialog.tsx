import { useEffect, useId, useRef } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components/Modal";
import { useTranslation } from "react-i18next";
import { arrive } from "../hands/arrive";
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

/** A window over the others: it holds the focus, Enter in a field does its act, Escape closes it, the focus goes back where it was. */
export function Dialog({ title, hint, wide, alert, onClose, children, foot }: Props) {
  const { t } = useTranslation();
  return (
    <ModalOverlay className="scrim" isOpen isDismissable onOpenChange={(open) => !open && onClose()}>
      <Modal className="dialogbox" style={{ maxWidth: wide ? "52rem" : "36rem" }}>
        <AriaDialog className="dialog" role={alert ? "alertdialog" : "dialog"}>
          <Arrival />
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
          <div className="dbody" onKeyDown={onEnter}>
            {children}
          </div>
          {foot && <div className="dfoot">{foot}</div>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

/** The focus goes to the next act in the window, once it is open. */
function Arrival() {
  const place = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    const box = place.current?.closest<HTMLElement>("[role=dialog], [role=alertdialog]");
    if (box) arrive(box);
  }, []);
  return <span ref={place} hidden />;
}

/** A field that belongs to no form of its own: Enter does what the window is for. */
function onEnter(event: React.KeyboardEvent): void {
  const { target } = event;
  if (event.key !== "Enter" || event.defaultPrevented || event.nativeEvent.isComposing) return;
  if (!(target instanceof HTMLInputElement) || target.form || /^(checkbox|radio|file)$/.test(target.type)) return;
  const go = target.closest(".dialog")?.querySelector<HTMLButtonElement>(".dfoot [data-go]:enabled");
  if (!go) return;
  event.preventDefault();
  go.click();
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
      <button type="button" className="btn quiet" data-safe={danger || undefined} onClick={onCancel}>
        {t("cancel")}
      </button>
      <button
        type="button"
        className={danger ? "btn dangerfill" : "btn main"}
        disabled={disabled}
        data-go
        aria-disabled={missing ? true : undefined}
        aria-describedby={missing ? id : undefined}
        onClick={() => !missing && onGo()}
      >
        {go}
      </button>
    </>
  );
}
