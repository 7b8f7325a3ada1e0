import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "./icon";

type Checked = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

interface Props extends Omit<React.FormHTMLAttributes<HTMLFormElement>, "noValidate"> {
  /** Whether what fields say they need is looked at here; else whoever made the form says what is missing. */
  checks?: boolean;
}

/**
 * A form that says what is wrong with a field in the words of the client: browsers say it in their own language, and nothing reads it
 * out where the focus is already. What is wrong has the focus and is described by what is said.
 */
export function Form({ checks = true, onSubmit, children, ...form }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const at = useRef<Checked | null>(null);
  const [wrong, setWrong] = useState<{ key: string; name: string } | null>(null);
  const mended = (): void => {
    at.current?.removeAttribute("aria-invalid");
    at.current?.removeAttribute("aria-describedby");
    at.current = null;
    setWrong(null);
  };
  const send = (event: React.SubmitEvent<HTMLFormElement>): void => {
    mended();
    const found = checks ? firstWrong(event.currentTarget) : undefined;
    if (!found) return onSubmit?.(event);
    event.preventDefault();
    at.current = found;
    found.setAttribute("aria-invalid", "true");
    found.setAttribute("aria-describedby", id);
    found.focus();
    setWrong({ key: found.validity.valueMissing || isBlank(found) ? "form.missing" : "form.wrong", name: nameOf(found) });
  };
  return (
    <form {...form} noValidate onSubmit={send} onInput={wrong ? mended : form.onInput}>
      {children}
      {wrong && (
        <p className="note danger mt2" role="alert" id={id}>
          <Icon name="warn" size={18} />
          <span>{t(wrong.key, { field: wrong.name })}</span>
        </p>
      )}
    </form>
  );
}

const firstWrong = (form: HTMLFormElement): Checked | undefined =>
  ([...form.elements] as Checked[]).find((each) => each.willValidate && (!each.validity.valid || isBlank(each)));

const isBlank = (field: Checked): boolean => "required" in field && field.required && !field.value?.trim();

const nameOf = (field: Checked): string =>
  field.labels?.[0]?.querySelector(".label")?.textContent ?? field.labels?.[0]?.textContent ?? field.ariaLabel ?? "";
