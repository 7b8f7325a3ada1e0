/** A date, a time or both, written as the client's language writes them. What was understood is said back. */

import { useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { clock } from "../../platform/clock";
import { readWhen, type Spoken, sayWhen, tomorrowAt, type When, writeWhen, wrongWhen } from "../../viewmodels/dates";
import { Icon } from "./icon";

interface InputProps {
  what: When;
  /** In ISO's form, by the clock of where one is; empty for none. */
  value: string;
  /** Gets what was understood; empty for what was not. */
  onValue: (iso: string) => void;
  /** When it gets that: with each letter, or once one has written to the end and goes on. */
  when?: "typing" | "done";
  min?: string;
  max?: string;
  id?: string;
  /** Its name, where no label stands beside it. */
  name?: string;
  hint?: string | null;
  error?: string | null;
  /** Whether its form, and what was understood, stand under it for all to see. */
  isTold?: boolean;
  isFirst?: boolean;
}

export function WhenInput({
  what,
  value,
  onValue,
  when = "typing",
  min,
  max,
  id,
  name,
  hint,
  error,
  isTold = false,
  isFirst,
}: InputProps) {
  const { t, i18n } = useTranslation();
  const language: Spoken = i18n.language === "en" ? "en" : "fr";
  const own = useId();
  const [typed, setTyped] = useState(() => writeWhen(what, value, language));
  const [isLeft, setLeft] = useState(false);
  const given = useRef(value);
  useEffect(() => {
    if (value === given.current) return; // it came from here
    given.current = value;
    setTyped(writeWhen(what, value, language));
  }, [value, what, language]);
  const read = typed.trim() ? readWhen(what, typed, language, clock.now()) : "";
  const wrong = read === "" ? null : wrongWhen(read, min, max);
  const example = writeWhen(what, tomorrowAt(what, clock.now()), language);
  const limit = { date: sayWhen(what, (wrong === "early" ? min : max) ?? "", language) };
  const worry =
    error ??
    (wrong && isLeft ? (wrong === "unread" ? t(`when.unread.${what}`, { example }) : t(`when.${wrong}`, limit)) : null);
  const give = (iso: string): void => {
    if (iso === given.current) return;
    given.current = iso;
    onValue(iso);
  };
  const done = (): void => {
    setLeft(true);
    if (read) setTyped(writeWhen(what, read, language));
    if (read !== null && (when === "typing" || !wrong)) give(read);
  };
  const said =
    worry ??
    (hint || (read && !wrong && sayWhen(what, read, language)) || t("when.example", { form: t(`when.form.${what}`), example }));
  return (
    <>
      <div className={what === "time" ? "input auto" : "input"}>
        <Icon name={what === "time" ? "clock" : "cal"} size={18} />
        <input
          id={id ?? own}
          autoComplete="off"
          spellCheck={false}
          size={what === "moment" ? 20 : 10}
          aria-label={name}
          title={name}
          placeholder={t(`when.form.${what}`)}
          value={typed}
          data-next={isFirst || undefined}
          aria-invalid={worry ? true : undefined}
          aria-describedby={`${own}-hint`}
          onChange={(event) => {
            setTyped(event.target.value);
            setLeft(false);
            const found = event.target.value.trim() ? readWhen(what, event.target.value, language, clock.now()) : "";
            if (when === "typing") give(found ?? "");
          }}
          onBlur={done}
          onKeyDown={(event) => event.key === "Enter" && done()}
        />
      </div>
      <p className={worry ? "hint bad" : isTold ? "hint" : "sr"} id={`${own}-hint`} role={worry ? "alert" : "status"}>
        {said}
      </p>
    </>
  );
}

/** The same with its label above it. */
export function WhenField({ label, ...input }: Omit<InputProps, "id" | "name" | "isTold"> & { label: string }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <WhenInput {...input} id={id} isTold />
    </div>
  );
}
