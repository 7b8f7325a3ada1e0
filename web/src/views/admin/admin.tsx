import { useTranslation } from "react-i18next";
import type { Rights } from "../../matrix/console";
import { AdminViewModel } from "../../viewmodels/admin";
import { filtersOf, readFilters } from "../../viewmodels/admin_filters";
import { OverviewViewModel } from "../../viewmodels/admin_overview";
import { scopes, type View, viewsFor } from "../../viewmodels/admin_views";
import { useArrival } from "../hands/arrive";
import { Icon } from "../ui/icon";
import { Empty } from "../ui/parts";
import { useApp, useMade, useMain, useMedia, useSnapshot } from "../use";
import { AdminList } from "./list";
import { AdminOverview, MenuCount } from "./overview";

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
  const views = viewsFor(chosen.name);
  const shown = views.find((each) => each.name === view) ?? (phone ? null : views[0]);
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
          <ul className="menu side-menu">
            {views.map((each) => (
              <li key={each.name}>
                <a href={`#/admin/${chosen.name}/${each.name}`} aria-current={shown?.name === each.name ? "page" : undefined}>
                  <Icon name={each.icon} />
                  <span className="grow">{t(`admin.view.${each.name}`)}</span>
                  <MenuCount model={numbers} view={each.name} />
                </a>
              </li>
            ))}
          </ul>
        </Region>
      )}
      {shown && (
        <Shown
          key={`${chosen.name} ${shown.name} ${filter}`}
          rights={rights}
          organisation={chosen.name}
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
}

function Shown({ rights, organisation, view, filter, numbers }: ShownProps & { numbers: OverviewViewModel }) {
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
        {view.name === "overview" ? (
          <AdminOverview organisation={organisation} model={numbers} />
        ) : (
          <Listed rights={rights} organisation={organisation} view={view} filter={filter} />
        )}
      </div>
    </main>
  );
}

function Listed({ rights, organisation, view, filter }: ShownProps) {
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
  return <AdminList model={model} />;
}
