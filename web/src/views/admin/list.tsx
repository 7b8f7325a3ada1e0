import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Row } from "../../matrix/console";
import { keep } from "../../platform/files";
import type { AdminViewModel, Wanted } from "../../viewmodels/admin";
import { isNarrowed } from "../../viewmodels/admin_filters";
import type { OverviewViewModel } from "../../viewmodels/admin_overview";
import { Icon } from "../ui/icon";
import { Menu } from "../ui/menu";
import { Empty, Problem, SearchBox, Skeleton } from "../ui/parts";
import { useSnapshot } from "../use";
import { ActionDialog } from "./action_dialog";
import { ChainWord } from "./chain";
import { AdminFilters } from "./filters";
import { PersonDialog } from "./person_dialog";
import { Chosen } from "./several";
import { AdminTable } from "./table";

/** As a table for a spreadsheet, or whole. */
function AuditExport({ model }: { model: AdminViewModel }) {
  const { t, i18n } = useTranslation();
  const { rows } = useSnapshot(model);
  const fetch = (format: "csv" | "json"): void =>
    void model.auditTable(format, i18n.language).then((blob) => keep(URL.createObjectURL(blob), `audit.${format}`));
  if (!rows?.length) return null;
  const choices = (["csv", "json"] as const).map((format) => ({
    name: t(`admin.exportAudit.${format}`),
    run: () => fetch(format),
  }));
  return (
    <Menu label={t("admin.export")} className="btn" choices={choices}>
      <Icon name="download" size={18} />
      {t("admin.export")}
    </Menu>
  );
}

const counted = (narrowed: boolean, isBeyond: boolean) =>
  narrowed ? (isBeyond ? "admin.foundBeyond" : "admin.found") : isBeyond ? "admin.accountsBeyond" : "admin.accounts";

/** One list of the console: a table on a wide screen, cards on a phone. */
export function AdminList({ model, numbers }: { model: AdminViewModel; numbers: OverviewViewModel }) {
  const { t, i18n } = useTranslation();
  const { view } = model;
  const { rows, next, search, filters, total, isBeyond, busy, problem, done, person, chain } = useSnapshot(model);
  const narrowed = isNarrowed(search, filters);
  const { ending = 0 } = useSnapshot(numbers).numbers ?? {};
  const table = (): void => void model.table(i18n.language).then((blob) => keep(URL.createObjectURL(blob), `${view.name}.csv`));
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const run = (action: string, row: Row): void => {
    if (action === "refuse" || action === "withdraw") void model.decide(row, false);
    else if (action === "fetch")
      void model.package(row).then((blob) => keep(URL.createObjectURL(blob), `${row.kind}-${String(row.id).slice(0, 8)}.zip`));
    else setWanted({ action, row });
  };
  return (
    <>
      <div className="row g3 wrap">
        <div className="grow titled">
          <h1>{t(`admin.view.${view.name}`)}</h1>
          <p className="muted" role={total === null ? undefined : "status"}>
            {total === null ? t(`admin.about.${view.name}`) : t(counted(narrowed, isBeyond), { count: total })}
            {total !== null && !narrowed && ending > 0 && t("admin.accountsEnding", { count: ending })}
          </p>
        </div>
        {view.several && (
          <button type="button" className="btn" onClick={table} disabled={!rows?.length}>
            <Icon name="download" size={18} />
            {t(narrowed ? "admin.exportFound" : "admin.export")}
          </button>
        )}
        {view.name === "audit" && <AuditExport model={model} />}
        {view.top?.map((each) => (
          <button key={each} type="button" className="btn main" onClick={() => setWanted({ action: each, row: null })}>
            <Icon name="plus" size={18} />
            {t(`admin.do.${each}`)}
          </button>
        ))}
      </div>
      {chain && (
        <p className={chain.intact ? "note mt3" : "note danger mt3"} role={chain.intact ? "status" : "alert"}>
          <Icon name={chain.intact ? "check" : "shieldbad"} size={18} />
          <span>
            <ChainWord chain={chain} />
          </span>
        </p>
      )}
      {view.search && (
        <div className="row g2 wrap mt3">
          <SearchBox
            label={t(`admin.search.${view.name}`, { defaultValue: t("admin.search") })}
            value={search}
            onText={model.type}
            className="forumseek"
          />
          <AdminFilters model={model} numbers={numbers} />
        </div>
      )}
      {!wanted && !person && <Problem problem={problem} onRetry={() => void model.look()} />}
      <p role="status" className={done ? "note info mt2" : "sr"}>
        {done ? t(done) : ""}
      </p>
      {rows === null && !problem && <Skeleton rows={5} />}
      {rows?.length === 0 && (
        <Empty
          icon={view.icon}
          title={narrowed ? t("admin.noMatch") : t(`admin.none.${view.name}`, { defaultValue: t("admin.none") })}
        />
      )}
      {view.several && <Chosen model={model} onTable={table} />}
      {rows && rows.length > 0 && <AdminTable model={model} run={run} />}
      {total !== null && rows && rows.length > 0 && (
        <p className="t13 muted num mt2">{t(isBeyond ? "admin.shownBeyond" : "admin.shown", { shown: rows.length, total })}</p>
      )}
      {next !== null && (
        <p className="center mt4">
          <button type="button" className="btn" disabled={busy} onClick={() => void model.more()}>
            {t("forums.more")}
          </button>
        </p>
      )}
      {person && <PersonDialog model={model} person={person} onClose={model.shut} />}
      {wanted && <ActionDialog model={model} wanted={wanted} onClose={() => setWanted(null)} />}
    </>
  );
}
