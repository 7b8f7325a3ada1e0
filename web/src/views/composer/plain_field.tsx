import { useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";
import type { ComposerViewModel } from "../../viewmodels/composer";
import { wanted } from "../../viewmodels/words";
import { useSnapshot } from "../use";
import type { Field, FieldProps } from "./field";

const MARKS: Record<string, string> = { b: "**", i: "_", e: "`" };

interface Props extends FieldProps {
  model: ComposerViewModel;
  ref: React.Ref<Field>;
}

/** Browsers that do not make a field as high as its text by themselves have it measured. */
const GROWS = CSS.supports("field-sizing", "content");

function grow(box: HTMLTextAreaElement): void {
  if (GROWS) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

/** Text with markdown's signs as they are typed. The field has it, and React is told of no letter. */
export function PlainField({ id, model, label, active, enterSends, autoFocus, onKey, onPaste, ref }: Props) {
  const { caret } = useSnapshot(model);
  const area = useRef<HTMLTextAreaElement>(null);

  useLayoutEffect(() => {
    const box = area.current!;
    const show = (text: string): void => {
      if (box.value !== text) box.value = text; // what did not come from this field
      grow(box);
    };
    show(model.text.value);
    return model.text.listen(show);
  }, [model]);

  useEffect(() => {
    if (autoFocus) area.current!.focus();
  }, [autoFocus]);

  useEffect(() => {
    if (caret.turn === 0) return;
    area.current!.focus();
    if (caret.at >= 0) area.current!.setSelectionRange(caret.at, caret.at);
  }, [caret]);

  useImperativeHandle(ref, () => {
    const box = area.current!;
    return {
      focus: () => box.focus(),
      insert: (put) => model.insert(put, box.selectionStart, box.selectionEnd),
      complete: (put) => {
        const before = box.value.slice(0, box.selectionStart);
        model.insert(put, wanted(before)?.from ?? before.length, box.selectionStart);
      },
    };
  }, [model]);

  const key = (event: React.KeyboardEvent<HTMLTextAreaElement>): void => {
    if (onKey(event.nativeEvent)) return event.preventDefault();
    const mark = event.ctrlKey || event.metaKey ? MARKS[event.key] : undefined;
    if (!mark) return;
    event.preventDefault();
    model.wrap(mark, event.currentTarget.selectionStart, event.currentTarget.selectionEnd);
  };

  return (
    <textarea
      ref={area}
      className="box"
      rows={1}
      aria-label={label}
      title={label}
      placeholder={label}
      spellCheck
      dir="auto"
      enterKeyHint={enterSends ? "send" : "enter"}
      aria-controls={active ? id : undefined}
      aria-activedescendant={active ?? undefined}
      aria-autocomplete="list"
      onChange={(event) => model.type(event.target.value, event.target.value.slice(0, event.target.selectionStart))}
      onKeyDown={key}
      onPaste={(event) => onPaste(event.clipboardData) && event.preventDefault()}
      data-next
      data-testid="composer"
    />
  );
}
