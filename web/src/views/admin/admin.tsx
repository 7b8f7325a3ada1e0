import { useTranslation } from "react-i18next";
import type { Rights } from "../../matrix/console";
import { AdminViewModel } from "../../viewmodels/admin";
import { filtersOf, readFilters } from "../../viewmodels/admin_filters";
import { type Group, groupsFor } from "../../viewmodels/admin_groups";
import { OverviewViewModel } from "../../viewmodels/admin_overview";
import { scopes, type View } from "../../viewmodels/admin_views";
import { useArrival } from "../hands/arrive";
import { Icon } from "../ui/icon";
import { Empty } from "../ui/parts";
import { useApp, useMade, useMain, useMedia, useSnapshot } from "../use";
import { AdminList } from "./list";
import { AdminMenu, AdminTabs } from "./menu";
import { AdminOverview } from "./overview";

/** The administration console. On a phone its menu is a screen of its own. */
export function Admin({ organisation, view, filter }: { organisation: string | null; view: string | null; filter?: string }) {
  const { t } = useTranslation();
  const { rights } = useSnapshot(useApp());
  if (!rights)
    return (
      <main className="panel middle" data-region tabIndex={-1}>
        <Empty whole icon="lock" title={t("admin.nothing")} text={t("admin.nothingText")} />
      </main>
    );
  const known = scopes(rights, t("admin.everywhere"));
  const chosen = known.find((each) => each.name === organisation) ?? known[0];
  return <Console rights={rights} known={known} chosen={chosen} view={view} filter={filter} />;
}

interface Props {
  rights: Rights;
  known: Array<{ name: string; label: string }>;
  chosen: { name: string; label: string };
  view: string | null;
  /** As the address says it. */
  filter?: string;
}

function Console({ rights, known, chosen, view, filter }: Props) {
  const { t } = useTranslation();
  const main = useMain();
  const phone = useMedia("(max-width: 767px)");
  const groups = groupsFor(chosen.name);
  const views = groups.flatMap((each) => each.views);
  const shown = views.find((each) => each.name === view) ?? (phone ? undefined : views[0]);
  const group = groups.find((each) => each.views.some((one) => one === shown));
  const Region = phone ? "main" : "section";
  const menu = useArrival<HTMLElement>(shown ? "" : "menu");
  // what was seen to meanwhile is no longer counted
  const numbers = useMade(OverviewViewModel, `${chosen.name} ${shown?.name}`, chosen.name);
  return (
    <>
      {(!phone || !shown) && (
        <Region className="list" aria-label={t("rail.admin")} data-region tabIndex={-1} ref={shown ? undefined : menu}>
          <div className="listhead">
            <h1>{t("rail.admin")}</h1>
          </div>
          {known.length > 1 ? (
            <label className="field orgpick">
              <span className="label">{t("admin.organisation")}</span>
              <select
                value={chosen.name}
                onChange={(event) => main.go({ screen: "admin", organisation: event.target.value, view: shown?.name ?? null })}
              >
                {known.map((each) => (
                  <option key={each.name} value={each.name}>
                    {each.label}
                  </option>
                ))}
              </select>
            </label>
          ) : (
            <p className="orgpick strong">{chosen.label}</p>
          )}
          <AdminMenu organisation={chosen.name} groups={groups} model={numbers} group={group} view={shown} />
        </Region>
      )}
      {shown && (
        <Shown
          key={`${chosen.name} ${shown.name} ${filter}`}
          rights={rights}
          organisation={chosen.name}
          group={group}
          view={shown}
          filter={filter}
          numbers={numbers}
        />
      )}
    </>
  );
}

interface ShownProps {
  rights: Rights;
  organisation: string;
  view: View;
  filter?: string;
  numbers: OverviewViewModel;
}

function Shown({ rights, organisation, group, view, filter, numbers }: ShownProps & { group: Group | undefined }) {
  const { t } = useTranslation();
  const phone = useMedia("(max-width: 767px)");
  const place = useArrival<HTMLElement>(view.name);
  return (
    <main className="panel scroll" data-region tabIndex={0} ref={place} aria-label={t(`admin.view.${view.name}`)}>
      <div className="page wide">
        {phone && (
          <a className="btn quiet" href={`#/admin/${organisation}`}>
            <Icon name="left" size={18} />
            {t("rail.admin")}
          </a>
        )}
        <AdminTabs organisation={organisation} model={numbers} group={group} view={view} />
        {view.name === "overview" ? (
          <AdminOverview organisation={organisation} model={numbers} />
        ) : (
          <Listed rights={rights} organisation={organisation} view={view} filter={filter} numbers={numbers} />
        )}
      </div>
    </main>
  );
}

function Listed({ rights, organisation, view, filter, numbers }: ShownProps) {
  const filters = readFilters(filter, filtersOf(view.name, organisation, rights));
  const model = useMade(
    AdminViewModel,
    `${organisation} ${view.name} ${filter}`,
    rights,
    organisation,
    view,
    undefined,
    filters,
  );
  return <AdminList model={model} numbers={numbers} />;
}
