import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Row } from "../../matrix/console";
import { keep } from "../../platform/files";
import type { AdminViewModel, Wanted } from "../../viewmodels/admin";
import { isGrave } from "../../viewmodels/admin_views";
import { moment } from "../format";
import { Icon } from "../ui/icon";
import { Menu } from "../ui/menu";
import { Empty, Problem, SearchBox, Skeleton } from "../ui/parts";
import { useSnapshot } from "../use";
import { ActionDialog } from "./action_dialog";
import { Cell } from "./cell";
import { PersonDialog } from "./person_dialog";

/** One list of the console: a table on a wide screen, cards on a phone. */
export function AdminList({ model }: { model: AdminViewModel }) {
  const { t } = useTranslation();
  const { view, rights } = model;
  const { rows, next, search, busy, problem, done, person, chain } = useSnapshot(model);
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const run = (action: string, row: Row): void => {
    if (action === "refuse" || action === "withdraw") void model.decide(row, false);
    else if (action === "fetch")
      void model.package(row).then((blob) => keep(URL.createObjectURL(blob), `${row.kind}-${String(row.id).slice(0, 8)}.zip`));
    else setWanted({ action, row });
  };
  const menu = (row: Row) =>
    view.actions(row, rights, model.me).map((each) => ({
      name: t(`admin.do.${each}`),
      danger: isGrave(each),
      run: () => run(each, row),
    }));
  return (
    <>
      <div className="row g3 wrap">
        <div className="grow">
          <h1>{t(`admin.view.${view.name}`)}</h1>
          <p className="muted">{t(`admin.about.${view.name}`)}</p>
        </div>
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
            {t(chain.intact ? "admin.chain.intact" : "admin.chain.broken", {
              number: chain.number,
              when: moment(chain.checked_ts),
            })}
          </span>
        </p>
      )}
      {view.search && (
        <div className="row mt3">
          <SearchBox label={t("admin.search")} value={search} onText={model.type} className="forumseek" />
        </div>
      )}
      {!wanted && !person && <Problem problem={problem} onRetry={() => void model.look()} />}
      <p role="status" className={done ? "note info mt2" : "sr"}>
        {done ? t(done) : ""}
      </p>
      {rows === null && !problem && <Skeleton rows={5} />}
      {rows?.length === 0 && <Empty icon={view.icon} title={t(search ? "admin.noMatch" : "admin.none")} />}
      {rows && rows.length > 0 && (
        <div className="tablebox admin mt3">
          <table>
            <thead>
              <tr>
                {view.columns.map(([field]) => (
                  <th key={field} scope="col">
                    {t(`admin.field.${field}`)}
                  </th>
                ))}
                <th scope="col">
                  <span className="sr">{t("admin.actions")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => {
                const choices = menu(row);
                return (
                  <tr key={String(row.id ?? row.user_id ?? row.room_id ?? row.number ?? row.media_id ?? index)}>
                    {view.columns.map(([field, as]) => (
                      <td key={field} data-label={t(`admin.field.${field}`)}>
                        <Cell
                          row={row}
                          field={field}
                          as={as}
                          model={model}
                          onOpen={as === "person" && view.name !== "former" ? (id) => void model.open(id) : undefined}
                        />
                      </td>
                    ))}
                    <td className="acts">
                      {choices.length > 0 && <Menu label={t("admin.actionsOn")} className="ib s" choices={choices} />}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
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
