import { useTranslation } from "react-i18next";
import type { Filters, Overview } from "../../matrix/console";
import type { AdminViewModel } from "../../viewmodels/admin";
import { type Filter, filtersOf, isNarrowed } from "../../viewmodels/admin_filters";
import type { OverviewViewModel } from "../../viewmodels/admin_overview";
import { count } from "../format";
import { useSnapshot } from "../use";

/** What narrows a list down: buttons for what is asked for daily, lists for the rest. */
export function AdminFilters({ model, numbers }: { model: AdminViewModel; numbers: OverviewViewModel }) {
  const { t } = useTranslation();
  const { filters, authors, search } = useSnapshot(model);
  const found = useSnapshot(numbers).numbers;
  const whose = authors.map((value) => ({ value, label: model.nameOf(value) }));
  const word = (name: string, { value, label }: Filter["values"][number]): string =>
    label ?? t(name === "action" && value ? `admin.do.${value}` : `admin.filter.${name}.${value || "any"}`, { defaultValue: t(`admin.word.${value}`) }); // biome-ignore format: one line
  return filtersOf(model.view.name, model.organisation, model.rights, whose).map(({ name, as, values }) =>
    as === "chips" ? (
      <fieldset key={name} className="row g2 wrap plain">
        <legend className="sr">{t(`admin.filter.${name}`)}</legend>
        {values.map((each) => (
          <button
            key={each.value}
            type="button"
            className="chip"
            aria-pressed={(filters[name] ?? "") === each.value}
            onClick={() => model.filter(name, each.value)}
          >
            {word(name, each)}
            {counted(found, name, each.value, search, filters)}
          </button>
        ))}
      </fieldset>
    ) : (
      <select
        key={name}
        className="adminfilter"
        aria-label={t(`admin.filter.${name}`)}
        title={t(`admin.filter.${name}`)}
        value={filters[name] ?? ""}
        onChange={(event) => model.filter(name, event.target.value)}
      >
        {values.map((each) => (
          <option key={each.value} value={each.value}>
            {word(name, each)}
          </option>
        ))}
      </select>
    ),
  );
}

/** " · 41": how many there are of those who are looked for daily, as long as nothing else narrows the list down. */
function counted(numbers: Overview | null, name: string, value: string, search: string, filters: Filters): string {
  const many = name === "state" && (value === "ending" || value === "locked") ? numbers?.[value] : 0;
  return many && !isNarrowed(search, { ...filters, state: "" }) ? ` · ${count(many)}` : "";
}
