import { useTranslation } from "react-i18next";
import type { Suggestion } from "../../viewmodels/suggestions";
import { StatusDot, StatusLine } from "../status";
import { Avatar } from "../ui/avatar";
import { Icon } from "../ui/icon";

/** What the word before the caret may become. */
export function Suggestions({
  id,
  suggestions,
  chosen,
  onPick,
}: {
  id: string;
  suggestions: Suggestion[];
  chosen: number;
  onPick: (suggestion: Suggestion) => void;
}) {
  const { t } = useTranslation();
  return (
    <div className="suggestions" role="listbox" id={id} aria-label={t("composer.suggestions")}>
      {suggestions.map((each, index) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the keys are the text field's, which names the option that is active
        <div
          key={each.key}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === chosen}
          className="suggestion"
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => onPick(each)}
        >
          {each.kind === "person" && (
            <>
              <Avatar
                id={each.person.id}
                name={each.person.name}
                picture={each.person.avatar}
                size={28}
                dot={<StatusDot id={each.person.id} />}
              />
              <span>{each.person.name}</span>
              <span className="faint t13 cut">
                {each.person.organisation}
                <StatusLine id={each.person.id} after={each.person.organisation !== null} />
              </span>
            </>
          )}
          {each.kind === "service" && (
            <>
              <Icon name="users" />
              <span className="cut">{each.service.name}</span>
              <span className="faint t13">{t("composer.ofService", { count: each.service.ids.length })}</span>
            </>
          )}
          {each.kind === "room" && (
            <>
              <Icon name="users" />
              <span>{t("composer.everyone")}</span>
            </>
          )}
          {each.kind === "emoji" && (
            <>
              <span className="e">{each.emoji}</span>
              <span>{each.name}</span>
            </>
          )}
          {each.kind === "command" && (
            <>
              <b>/{each.name}</b>
              <span className="faint t13">{t(`command.${each.name}`)}</span>
            </>
          )}
        </div>
      ))}
    </div>
  );
}
