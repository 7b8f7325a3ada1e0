import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { Icon } from "./ui/icon";

/** Who has opened what follows, and what that means. */
export function GivenLine({ by }: { by: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <div className="given">
      <Icon name="shieldok" size={18} />
      <div className="grow min0">
        <p>
          {t("given.line", { name: by })}{" "}
          <button type="button" className="link" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
            {t("given.more")}
          </button>
        </p>
        <p id={id} hidden={!open}>
          {t("given.text", { name: by })}
        </p>
      </div>
    </div>
  );
}
