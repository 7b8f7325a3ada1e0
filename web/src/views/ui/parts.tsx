import { useEffect, useId, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Explanation } from "../../matrix/errors";
import type { IconName } from "../icons";
import { useApp, useSnapshot } from "../use";
import { Icon } from "./icon";

/** What went wrong, said at once. */
export function Problem({ problem, onRetry }: { problem: Explanation | null; onRetry?: () => void }) {
  const { t } = useTranslation();
  return (
    <div role="alert">
      {problem && (
        <p className="note danger mt2">
          <Icon name="warn" size={18} />
          <span className="grow">{t(problem.key, problem.values)}</span>
          {onRetry && (
            <button type="button" className="link" onClick={onRetry}>
              {t("retry")}
            </button>
          )}
        </p>
      )}
    </div>
  );
}

/** What waits until the person has confirmed, on a page of the server, that it is they who ask. */
export function ToConfirm({ text, page }: { text: string; page: string }) {
  const { t } = useTranslation();
  return (
    <p role="status">
      {text}{" "}
      <a className="link" href={page} target="_blank" rel="noreferrer">
        {t("proof.page")}
      </a>
    </p>
  );
}

/** Above several fields: which must be filled in. Those that need not say so in their label. */
export function AllRequired() {
  const { t } = useTranslation();
  return <p className="hint">{t("form.allRequired")}</p>;
}

interface FieldProps extends Omit<React.InputHTMLAttributes<HTMLInputElement>, "onChange"> {
  /** Where the focus goes when what it stands in comes. */
  "data-next"?: boolean;
  label: string;
  hint?: string;
  error?: string | null;
  icon?: IconName;
  onText: (text: string) => void;
  after?: React.ReactNode;
}

export function Field({ label, hint, error, icon, onText, after, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="input">
        {icon && <Icon name={icon} size={18} />}
        <input
          id={id}
          {...input}
          onChange={(event) => onText(event.target.value)}
          aria-invalid={error ? true : undefined}
          aria-describedby={error || hint ? `${id}-hint` : undefined}
        />
        {after}
      </div>
      {(error || hint) && (
        <p className={error ? "hint bad" : "hint"} id={`${id}-hint`} role={error ? "alert" : undefined}>
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

/** How one is called; `isFixed` where the organisation says it. */
export function NameField(props: {
  name: string;
  isFixed: boolean;
  hint?: string;
  next?: boolean;
  onText: (text: string) => void;
}) {
  const { t } = useTranslation();
  const { rules } = useSnapshot(useApp());
  const fixed = t(rules?.me.is_guest ? "profile.guestNameIsFixed" : "profile.nameIsFixed");
  return (
    <Field
      label={t("firstRun.name")}
      value={props.name}
      onText={props.onText}
      readOnly={props.isFixed}
      data-next={(props.next && !props.isFixed) || undefined}
      autoComplete="name"
      maxLength={256}
      hint={props.isFixed ? fixed : props.hint}
    />
  );
}

/** The title of a step: it takes the focus, so that whoever does not see the step hears which it is. */
export function StepTitle({ children }: { children: React.ReactNode }) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), []);
  return (
    <h1 ref={title} id="step" tabIndex={-1} className="steptitle">
      {children}
    </h1>
  );
}

/** Somebody from outside, said in words. */
export function GuestTag() {
  const { t } = useTranslation();
  return (
    <span className="tag guest">
      <Icon name="guest" size={13} />
      {t("guest")}
    </span>
  );
}

/** What a list below is narrowed by. */
export const SearchBox = ({
  label,
  value,
  onText,
  className = "",
  next = false,
}: {
  label: string;
  value: string;
  onText: (text: string) => void;
  className?: string;
  /** Whether it is what one comes for. */
  next?: boolean;
}) => (
  <div className={`input grow ${className}`}>
    <Icon name="search" size={18} />
    <input
      aria-label={label}
      placeholder={label}
      title={label}
      value={value}
      data-next={next || undefined}
      onChange={(event) => onText(event.target.value)}
    />
  </div>
);

/** Chooses a picture from the disk, or takes one with a phone. */
export function PictureButton({
  label,
  disabled,
  onPick,
}: {
  label: string;
  disabled: boolean;
  onPick: (picture: File) => void;
}) {
  const file = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="btn" disabled={disabled} onClick={() => file.current?.click()}>
        <Icon name="camera" size={18} />
        {label}
      </button>
      <input
        ref={file}
        type="file"
        accept="image/*"
        hidden
        aria-label={label}
        onChange={(event) => {
          if (event.target.files?.[0]) onPick(event.target.files[0]);
          event.target.value = ""; // the same picture may be chosen again after an error
        }}
      />
    </>
  );
}

export function Switch({
  label,
  hint,
  on,
  onChange,
  disabled,
}: {
  label: string;
  hint?: string;
  on: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="setting">
      <div className="grow">
        <span id={id} className="strong">
          {label}
        </span>
        {hint && (
          <p className="t13 muted" id={`${id}-hint`}>
            {hint}
          </p>
        )}
      </div>
      <button
        type="button"
        role="switch"
        className="switch"
        aria-checked={on}
        aria-labelledby={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        disabled={disabled}
        onClick={() => onChange(!on)}
      />
    </div>
  );
}

export function Segmented<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  /** What each stands for, its words, and their language where it is not that of the page. */
  options: Array<[T, string, lang?: string]>;
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset className="setting wrap">
      <legend className="sr">{label}</legend>
      <span className="strong grow" aria-hidden="true">
        {label}
      </span>
      <span className="seg">
        {options.map(([each, text, lang]) => (
          <label key={each} lang={lang}>
            <input type="radio" name={name} checked={value === each} onChange={() => onChange(each)} />
            {text}
          </label>
        ))}
      </span>
    </fieldset>
  );
}

/** `whole`: it is all that the screen shows. */
export function Empty({
  icon,
  title,
  text,
  children,
  whole = false,
}: {
  icon: IconName;
  title: string;
  text?: string;
  children?: React.ReactNode;
  whole?: boolean;
}) {
  return (
    <div className="empty">
      <span className="ci">
        <Icon name={icon} size={24} />
      </span>
      {whole ? <h1>{title}</h1> : <h2>{title}</h2>}
      {text && <p className="muted">{text}</p>}
      {children}
    </div>
  );
}

export const Skeleton = ({ rows = 6 }: { rows?: number }) => (
  <div className="skeleton" aria-hidden="true">
    {Array.from({ length: rows }, (_, index) => (
      <div key={index} className="bone">
        <span className="av" />
        <span>
          <span style={{ width: `${40 + ((index * 17) % 40)}%` }} />
          <span style={{ width: `${60 + ((index * 23) % 35)}%` }} />
        </span>
      </div>
    ))}
  </div>
);
