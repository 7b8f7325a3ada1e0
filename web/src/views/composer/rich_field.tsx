import { EditorView } from "prosemirror-view";
import { useEffect, useImperativeHandle, useRef, useState } from "react";
import type { ComposerViewModel } from "../../viewmodels/composer";
import { textBefore, toMarkdown } from "../../viewmodels/rich_text";
import { wanted } from "../../viewmodels/words";
import { useSnapshot } from "../use";
import type { Field, FieldProps } from "./field";
import { FormatBar } from "./format_bar";
import { FORMATS, type Format, linkTo, newState } from "./rich_editor";

interface Props extends FieldProps {
  model: ComposerViewModel;
  ref: React.Ref<Field>;
}

/** Text as it will look. What is kept and sent is markdown all the same. */
export function RichField({ id, model, label, active, enterSends, autoFocus, onKey, onPaste, ref }: Props) {
  const { isEmpty, caret } = useSnapshot(model);
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const written = useRef(model.text.value);
  const [pressed, setPressed] = useState<ReadonlySet<Format>>(new Set());
  const handlers = useRef({ onKey, onPaste });
  handlers.current = { onKey, onPaste };

  useEffect(() => {
    const editor: EditorView = new EditorView(place.current!, {
      state: newState(model.text.value),
      handleKeyDown: (_view, event) => handlers.current.onKey(event),
      handlePaste: (_view, event) => event.clipboardData !== null && handlers.current.onPaste(event.clipboardData),
      dispatchTransaction: (transaction) => {
        const state = editor.state.apply(transaction);
        editor.updateState(state);
        const on = (Object.keys(FORMATS) as Format[]).filter((each) => FORMATS[each].on(state));
        setPressed((before) => (on.length === before.size && on.every((each) => before.has(each)) ? before : new Set(on)));
        if (!transaction.docChanged) return;
        written.current = toMarkdown(state.doc);
        model.type(written.current, textBefore(state.doc, state.selection.head));
      },
    });
    view.current = editor;
    if (autoFocus) editor.focus();
    return () => editor.destroy();
  }, [model]);

  // what did not come from this field: a draft, an edit, what is left after sending
  useEffect(() => {
    const show = (text: string): void => {
      if (text === written.current) return;
      written.current = text;
      view.current!.updateState(newState(text));
    };
    show(model.text.value);
    return model.text.listen(show);
  }, [model]);

  useEffect(() => {
    if (caret.turn === 0) return;
    view.current!.focus();
  }, [caret]);

  useEffect(() => {
    view.current!.setProps({
      attributes: {
        class: isEmpty ? "box rich blank" : "box rich",
        role: "textbox",
        "aria-multiline": "true",
        "aria-label": label,
        title: label,
        "aria-placeholder": label,
        enterkeyhint: enterSends ? "send" : "enter",
        spellcheck: "true",
        "data-next": "true",
        "data-testid": "composer",
        ...(active ? { "aria-controls": id, "aria-activedescendant": active } : {}),
      },
    });
  }, [id, label, active, enterSends, isEmpty]);

  useImperativeHandle(ref, () => {
    const put = (text: string, back: number): void => {
      const editor = view.current!;
      const { from, to } = editor.state.selection;
      editor.dispatch(editor.state.tr.insertText(text, from - back, to).scrollIntoView());
      editor.focus();
    };
    return {
      focus: () => view.current!.focus(),
      insert: (text) => put(text, 0),
      complete: (text) => {
        const { doc, selection } = view.current!.state;
        const before = textBefore(doc, selection.head);
        put(text, before.length - (wanted(before)?.from ?? before.length));
      },
    };
  }, []);

  return (
    <>
      <FormatBar
        pressed={pressed}
        onPress={(format) => {
          const { state, dispatch } = view.current!;
          FORMATS[format].toggle(state)(state, dispatch);
          view.current!.focus();
        }}
        onLink={(href) => {
          const { state, dispatch } = view.current!;
          linkTo(href)(state, dispatch);
          view.current!.focus();
        }}
      />
      <div ref={place} className="richbox" />
    </>
  );
}
