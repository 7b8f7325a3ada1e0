import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CreateRoomViewModel } from "../viewmodels/create_room";
import { FoundPeople } from "./people_found";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { useSnapshot } from "./use";

/** Choosing people: names are looked up while they are typed, addresses may be pasted by the hundred. */
export function PeopleField({
  model,
  label,
  next = false,
}: {
  model: CreateRoomViewModel;
  label: string;
  /** Whether it is what one comes for. */
  next?: boolean;
}) {
  const { t } = useTranslation();
  const { typed, address, found, searching, chosen, peopleMissing, kind } = useSnapshot(model);
  const id = useId();
  const [active, setActive] = useState(0);
  const at = Math.min(active, found.length - 1);
  const isFull = kind === "direct" && chosen.length > 0;
  const onKey = (event: React.KeyboardEvent): void => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by && found.length) {
      event.preventDefault();
      setActive((at + by + found.length) % found.length);
    } else if (event.key === "Enter" && typed.trim()) {
      event.preventDefault(); // of an empty field Enter does what the window is for
      if (found[at]) model.pick(found[at]);
      else model.pickTyped();
    } else if (event.key === "Escape" && found.length) {
      event.stopPropagation(); // the innermost thing closes: the list, not the window
      model.type("");
    } else if (event.key === "Backspace" && !typed && chosen.length) model.remove(chosen.at(-1)!.key);
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="input toks">
        {chosen.map((each) => (
          <span key={each.key} className="tok">
            {each.person ? (
              <Avatar id={each.person.id} name={each.person.name} picture={each.person.avatar} size={22} />
            ) : (
              <Icon name="mail" size={16} />
            )}
            <span>{each.person?.name ?? each.email}</span>
            {each.person?.organisation && <span className="faint">{each.person.organisation}</span>}
            <button
              type="button"
              aria-label={t("create.removePerson", { name: each.person?.name ?? each.email })}
              onClick={() => model.remove(each.key)}
            >
              <Icon name="x" size={14} />
            </button>
          </span>
        ))}
        <input
          id={id}
          role="combobox"
          aria-expanded={found.length > 0}
          aria-controls={`${id}-found`}
          aria-activedescendant={found.length ? `${id}-found-${at}` : undefined}
          aria-autocomplete="list"
          value={typed}
          placeholder={isFull ? undefined : t("create.peopleHint")}
          readOnly={isFull}
          autoComplete="off"
          onChange={(event) => {
            setActive(0);
            model.type(event.target.value);
          }}
          data-next={next || undefined}
          aria-invalid={peopleMissing || undefined}
          aria-describedby={`${id}-hint`}
          onPaste={(event) => {
            const text = event.clipboardData.getData("text/plain");
            if (/\n|[,;].*@/.test(text)) {
              event.preventDefault();
              model.type(`${text}\n`);
            }
          }}
          onKeyDown={onKey}
        />
      </div>
      <p className={peopleMissing ? "hint bad" : "hint"} id={`${id}-hint`} role={peopleMissing ? "alert" : undefined}>
        {peopleMissing ? t("create.peopleMissing") : kind === "direct" ? t("create.directHint") : t("create.pasteHint")}
      </p>
      <div role="status">
        {found.length > 0 && <p className="sr">{t("create.foundCount", { count: found.length })}</p>}
        {!typed && chosen.length > 0 && (
          <p className="sr">{t("create.chosen", { name: chosen.at(-1)!.person?.name ?? chosen.at(-1)!.email })}</p>
        )}
        {searching && <p className="hint">{t("create.searching")}</p>}
        {!searching && typed.trim().length >= 2 && !found.length && (
          <p className="hint">{address ? t("create.address", { address }) : t("create.nobody")}</p>
        )}
      </div>
      {found.length > 0 && <FoundPeople id={`${id}-found`} people={found} at={at} onPick={model.pick} />}
    </div>
  );
}
