/** The people that a name finds, below the field that it is typed in. */

import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import type { Person } from "../matrix/types";
import { serverOf } from "./format";
import { Avatar } from "./ui/avatar";
import { GuestTag } from "./ui/parts";

interface Props {
  id: string;
  people: Person[];
  /** Which of them Enter chooses. */
  at: number;
  onPick: (person: Person) => void;
}

export function FoundPeople({ id, people, at, onPick }: Props) {
  const { t } = useTranslation();
  useEffect(() => {
    document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: "nearest" });
  }, [id, at]);
  return (
    <div className="foundpeople" role="listbox" id={id} aria-label={t("create.found")}>
      {people.map((each, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the keys are the text field's, which names the option that is active
        <div
          key={each.id}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === at}
          className="personrow"
          onMouseDown={(event) => event.preventDefault()} // whoever is chosen leaves the hands in the field
          onClick={() => onPick(each)}
        >
          <Avatar id={each.id} name={each.name} picture={each.avatar} size={32} />
          <span className="min0">
            <span className="strong cut block">{each.name}</span>
            <span className="t13 muted cut block">{each.organisation ?? serverOf(each.id)}</span>
          </span>
          {each.guest && <GuestTag />}
        </div>
      ))}
    </div>
  );
}
