import { useTranslation } from "react-i18next";
import { type Group, toSee } from "../../viewmodels/admin_groups";
import type { OverviewViewModel } from "../../viewmodels/admin_overview";
import type { View } from "../../viewmodels/admin_views";
import { count } from "../format";
import { Icon } from "../ui/icon";
import { useSnapshot } from "../use";

interface Props {
  organisation: string;
  model: OverviewViewModel;
  group: Group | undefined;
  view: View | undefined;
}

/** How many there are to see to. */
function Due({ many }: { many: number }) {
  const { t } = useTranslation();
  if (!many) return null;
  return (
    <span className="count">
      <span aria-hidden="true">{count(many)}</span>
      <span className="sr">{t("admin.toSee", { count: many })}</span>
    </span>
  );
}

/** The console's entries: each leads to the first of its lists, or to the first where something waits. */
export function AdminMenu({ organisation, groups, model, group, view }: Props & { groups: Group[] }) {
  const { t } = useTranslation();
  const { numbers } = useSnapshot(model);
  return (
    <ul className="menu side-menu">
      {groups.map((each) => {
        const first = each.name === "todo" ? each.views.find((one) => toSee(numbers, [one])) : null;
        const to = (first ?? each.views[0]).name;
        return (
          <li key={each.name}>
            <a
              href={`#/admin/${organisation}/${to}`}
              aria-current={group?.name === each.name ? (view?.name === to ? "page" : "true") : undefined}
            >
              <Icon name={each.icon} />
              <span className="grow">
                {t(each.views.length > 1 ? `admin.group.${each.name}` : `admin.view.${each.views[0].name}`)}
              </span>
              {each.name === "people" ? (
                // the list says it itself
                <span className="num muted t13" aria-hidden="true">
                  {numbers ? count(numbers.people) : ""}
                </span>
              ) : (
                <Due many={toSee(numbers, each.views)} />
              )}
            </a>
          </li>
        );
      })}
    </ul>
  );
}

/** The lists of an entry, beside each other. */
export function AdminTabs({ organisation, model, group, view }: Props) {
  const { t } = useTranslation();
  const { numbers } = useSnapshot(model);
  if (!group || group.views.length < 2) return null;
  return (
    <nav className="admintabs" aria-label={t(`admin.group.${group.name}`)}>
      <ul>
        {group.views.map((each) => (
          <li key={each.name}>
            <a href={`#/admin/${organisation}/${each.name}`} aria-current={each.name === view?.name ? "page" : undefined}>
              {t(`admin.view.${each.name}`)}
              <Due many={toSee(numbers, [each])} />
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
