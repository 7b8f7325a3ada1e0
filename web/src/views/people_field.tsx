import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { CreateRoomViewModel } from "../viewmodels/create_room";
import { serverOf } from "./format";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { GuestTag } from "./ui/parts";
import { useSnapshot } from "./use";

/** Choosing people: names are looked up while they are typed, addresses may be pasted by the hundred. */
export function PeopleField({
  model,
  label,
  autoFocus = false,
}: {
  model: CreateRoomViewModel;
  label: string;
  autoFocus?: boolean;
}) {
  const { t } = useTranslation();
  const { typed, address, found, searching, chosen, peopleMissing, kind } = useSnapshot(model);
  const id = useId();
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
        {!(kind === "direct" && chosen.length) && (
          <input
            id={id}
            value={typed}
            placeholder={t("create.peopleHint")}
            autoComplete="off"
            onChange={(event) => model.type(event.target.value)}
            autoFocus={autoFocus}
            aria-invalid={peopleMissing || undefined}
            aria-describedby={`${id}-hint`}
            onPaste={(event) => {
              const text = event.clipboardData.getData("text/plain");
              if (/\n|[,;].*@/.test(text)) {
                event.preventDefault();
                model.type(`${text}\n`);
              }
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") {
                event.preventDefault();
                model.pickTyped();
              } else if (event.key === "Backspace" && !typed && chosen.length) model.remove(chosen.at(-1)!.key);
            }}
          />
        )}
      </div>
      <p className={peopleMissing ? "hint bad" : "hint"} id={`${id}-hint`} role={peopleMissing ? "alert" : undefined}>
        {peopleMissing ? t("create.peopleMissing") : kind === "direct" ? t("create.directHint") : t("create.pasteHint")}
      </p>
      <div role="status">
        {searching && <p className="hint">{t("create.searching")}</p>}
        {!searching && typed.trim().length >= 2 && !found.length && (
          <p className="hint">{address ? t("create.address", { address }) : t("create.nobody")}</p>
        )}
      </div>
      {found.length > 0 && (
        <ul className="foundpeople" aria-label={t("create.found")}>
          {found.map((each) => (
            <li key={each.id}>
              <button type="button" className="personrow" onClick={() => model.pick(each)}>
                <Avatar id={each.id} name={each.name} picture={each.avatar} size={32} />
                <span className="min0">
                  <span className="strong cut block">{each.name}</span>
                  <span className="t13 muted cut block">{each.organisation ?? serverOf(each.id)}</span>
                </span>
                {each.guest && <GuestTag />}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
