import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { IconName } from "../icons";
import { Dialog, DialogActions } from "../ui/dialog";
import { Form } from "../ui/form";
import { Icon } from "../ui/icon";
import { Field } from "../ui/parts";
import type { Format } from "./rich_editor";

const BUTTONS: Array<[Format, IconName, string?]> = [
  ["bold", "bold", "Control+B"],
  ["italic", "italic", "Control+I"],
  ["strike", "strike"],
  ["code", "code", "Control+E"],
  ["bullets", "list"],
  ["numbers", "numbers"],
  ["quote", "quote"],
  ["block", "codeblock"],
];

interface Props {
  pressed: ReadonlySet<Format>;
  onPress: (format: Format) => void;
  onLink: (href: string) => void;
}

export function FormatBar({ pressed, onPress, onLink }: Props) {
  const { t } = useTranslation();
  const [linking, setLinking] = useState(false);
  return (
    <div className="formatting" role="toolbar" aria-label={t("composer.format")}>
      {BUTTONS.map(([format, icon, keys]) => (
        <button
          type="button"
          key={format}
          className={pressed.has(format) ? "ib s on" : "ib s"}
          aria-label={t(`format.${format}`)}
          aria-pressed={pressed.has(format)}
          aria-keyshortcuts={keys}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onPress(format)}
        >
          <Icon name={icon} />
        </button>
      ))}
      <button type="button" className="ib s" aria-label={t("format.link")} onClick={() => setLinking(true)}>
        <Icon name="link" />
      </button>
      {linking && (
        <LinkDialog
          onClose={() => setLinking(false)}
          onLink={(href) => {
            setLinking(false);
            onLink(href);
          }}
        />
      )}
    </div>
  );
}

function LinkDialog({ onLink, onClose }: { onLink: (href: string) => void; onClose: () => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const go = (): void => {
    const href = readAddress(typed);
    if (href) onLink(href);
    else setWrong(true);
  };
  return (
    <Dialog
      title={t("format.linkTitle")}
      onClose={onClose}
      foot={<DialogActions go={t("format.linkDo")} disabled={!typed.trim()} onGo={go} onCancel={onClose} />}
    >
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          go();
        }}
      >
        <Field
          label={t("format.linkAddress")}
          value={typed}
          onText={(text) => {
            setTyped(text);
            setWrong(false);
          }}
          error={wrong ? t("format.linkWrong") : null}
          inputMode="url"
          autoComplete="off"
        />
      </Form>
    </Dialog>
  );
}

/** An address as people type it. Null for what a message must not link to. */
function readAddress(typed: string): string | null {
  const bare = typed.trim();
  const whole = /^[a-z][a-z0-9+.-]*:/i.test(bare) ? bare : bare.includes("@") ? `mailto:${bare}` : `https://${bare}`;
  if (/\s/.test(whole) || !URL.canParse(whole)) return null;
  return ["https:", "http:", "mailto:"].includes(new URL(whole).protocol) ? whole : null;
}
