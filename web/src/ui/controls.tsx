// What one presses and types into.

import { type ReactNode, useId } from "react";
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components";
import css from "./controls.module.css";

type ButtonProps = AriaButtonProps & {
  look?: "plain" | "primary" | "danger" | "ghost";
  small?: boolean;
  /** Square, for one sign; needs an aria-label. */
  icon?: boolean;
};

export function Button({ look = "plain", small, icon, className, ...rest }: ButtonProps) {
  const names = [css.button, look !== "plain" && css[look], small && css.small, icon && css.icon, className];
  return <AriaButton {...rest} className={names.filter(Boolean).join(" ")} />;
}

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | null;
  /** For screen readers only, where the place says it to everyone else. */
  hideLabel?: boolean;
}

function Frame({
  id,
  label,
  hint,
  error,
  hideLabel,
  children,
}: FieldProps & { id: string; children: ReactNode }) {
  return (
    <div className={css.field}>
      <label htmlFor={id} className={hideLabel ? "sr" : css.label}>
        {label}
      </label>
      {children}
      {hint && !error ? (
        <span id={`${id}-hint`} className={css.hint}>
          {hint}
        </span>
      ) : null}
      {error ? (
        <span id={`${id}-error`} className={css.error}>
          {error}
        </span>
      ) : null}
    </div>
  );
}

function describedBy(id: string, { hint, error }: FieldProps): string | undefined {
  if (error) return `${id}-error`;
  return hint ? `${id}-hint` : undefined;
}

type TextProps = FieldProps & {
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  mono?: boolean;
  rows?: number;
  autoFocus?: boolean;
  inputMode?: "numeric" | "search" | "text";
  /** What `/` goes to. */
  isSearch?: boolean;
  list?: string[];
  type?: "text" | "password";
  name?: string;
  autoComplete?: "username" | "current-password";
};

export function Text(props: TextProps) {
  const id = useId();
  const { value, onChange, placeholder, mono, rows, autoFocus, inputMode, isSearch, list, type, name } =
    props;
  const shared = {
    id,
    value,
    placeholder,
    name,
    autoFocus,
    spellCheck: false,
    autoComplete: props.autoComplete ?? "off",
    className: mono ? `${css.input} ${css.mono}` : css.input,
    "aria-invalid": props.error ? true : undefined,
    "aria-describedby": describedBy(id, props),
    "data-search": isSearch ? "" : undefined,
  };
  return (
    <Frame {...props} id={id}>
      {rows ? (
        <textarea {...shared} rows={rows} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <input
          {...shared}
          type={isSearch ? "search" : (type ?? "text")}
          inputMode={inputMode}
          list={list ? `${id}-list` : undefined}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
      {list ? (
        <datalist id={`${id}-list`}>
          {list.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      ) : null}
    </Frame>
  );
}

export function Choice<T extends string>(
  props: FieldProps & { value: T; onChange: (value: T) => void; options: readonly (readonly [T, string])[] },
) {
  const id = useId();
  return (
    <Frame {...props} id={id}>
      <select
        id={id}
        className={css.input}
        value={props.value}
        aria-describedby={describedBy(id, props)}
        onChange={(event) => props.onChange(event.target.value as T)}
      >
        {props.options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </Frame>
  );
}

export function Check(props: { label: ReactNode; isOn: boolean; onChange: (isOn: boolean) => void }) {
  return (
    <label className={css.check}>
      <input
        type="checkbox"
        checked={props.isOn}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      {props.label}
    </label>
  );
}

/** A few choices side by side, one of them pressed. */
export function Segmented<T extends string>(props: {
  label: string;
  value: T;
  onChange: (value: T) => void;
  options: readonly (readonly [T, string])[];
}) {
  return (
    <div role="group" aria-label={props.label} className={css.segmented}>
      {props.options.map(([value, text]) => (
        <button
          type="button"
          key={value}
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
