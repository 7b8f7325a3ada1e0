import { Button } from "react-aria-components/Button";
import { Menu as AriaMenu, MenuItem, MenuTrigger } from "react-aria-components/Menu";
import { Popover } from "react-aria-components/Popover";
import type { IconName } from "../icons";
import { Icon } from "./icon";

export interface Choice {
  name: string;
  icon?: IconName;
  danger?: boolean;
  chosen?: boolean;
  run: () => void;
}

/** A button that opens a list of actions; arrows, letters and Escape work as everywhere. */
export function Menu({
  label,
  icon,
  choices,
  className = "ib",
  apart = false,
  children,
}: {
  label: string;
  icon?: IconName;
  choices: Choice[];
  className?: string;
  /** Not a stop of the tab key: the list that it stands in leads there by its arrows. */
  apart?: boolean;
  children?: React.ReactNode;
}) {
  return (
    <MenuTrigger>
      <Button className={className} aria-label={label} excludeFromTabOrder={apart}>
        {children ?? <Icon name={icon ?? "more"} />}
      </Button>
      <Popover className="popover" placement="bottom end">
        <AriaMenu className="menu" onAction={(key) => choices.find((each) => each.name === key)?.run()}>
          {choices.map((each) => (
            <MenuItem
              key={each.name}
              id={each.name}
              className={each.danger ? "menuitem danger" : "menuitem"}
              textValue={each.name}
            >
              {each.icon && <Icon name={each.icon} size={18} />}
              <span className="grow">{each.name}</span>
              {each.chosen && <Icon name="check" size={16} />}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
