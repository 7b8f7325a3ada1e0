import type { TFunction } from "i18next";
import { Fragment } from "react";
import { useTranslation } from "react-i18next";
import type { Row } from "../../matrix/console";
import { dayOf } from "../../platform/clock";
import type { AdminViewModel } from "../../viewmodels/admin";
import { isGrave } from "../../viewmodels/admin_views";
import { day } from "../format";
import { Menu } from "../ui/menu";
import { useSnapshot } from "../use";
import { Cell } from "./cell";

interface Props {
  model: AdminViewModel;
  /** Does something to an entry, or asks for what it needs. */
  run: (action: string, row: Row) => void;
}

/** What a column has: some words mean something else in some lists. */
const headOf = (t: TFunction, view: string, field: string): string =>
  t(`admin.field.${view}.${field}`, { defaultValue: t(`admin.field.${field}`) });

/** The entries of a list: rows of a table on a wide screen, cards on a phone. */
export function AdminTable({ model, run }: Props) {
  const { t } = useTranslation();
  const { view } = model;
  const { rows, chosen } = useSnapshot(model);
  const choosable = (rows ?? []).filter((row) => model.mayChoose(row)).length;
  return (
    <div className="tablebox admin mt3">
      <table aria-label={t(`admin.view.${view.name}`)}>
        <thead>
          <tr>
            {view.several && (
              <th scope="col" className="pick">
                <input
                  type="checkbox"
                  className="box"
                  aria-label={t("admin.chooseAll")}
                  title={t("admin.chooseAll")}
                  checked={choosable > 0 && chosen.length === choosable}
                  onChange={(event) => model.chooseAll(event.target.checked)}
                />
              </th>
            )}
            {view.columns.map(([field]) => (
              <th key={field} scope="col">
                {headOf(t, view.name, field)}
              </th>
            ))}
            <th scope="col">
              <span className="sr">{t("admin.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {(rows ?? []).map((row, index) => (
            <Fragment key={String(row.id ?? row.user_id ?? row.room_id ?? row.number ?? row.media_id ?? index)}>
              {view.byDay && dayOf(Number(row.ts)) !== dayOf(Number(rows?.[index - 1]?.ts ?? 0)) && (
                <tr className="dayr">
                  <th scope="rowgroup" colSpan={view.columns.length + 1}>
                    {day(Number(row.ts))}
                  </th>
                </tr>
              )}
              <Entry model={model} row={row} isChosen={chosen.includes(String(row.user_id))} run={run} />
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Entry({ model, row, isChosen, run }: Props & { row: Row; isChosen: boolean }) {
  const { t } = useTranslation();
  const { view, rights, me } = model;
  const choices = view.actions(row, rights, me).map((each) => ({
    name: t(`admin.do.${each}`),
    danger: isGrave(each),
    run: () => run(each, row),
  }));
  const who = row.user_id ? model.person(String(row.user_id), row).name : row.address ? String(row.address) : null;
  const label = who ? t("admin.actionsOf", { name: who }) : t("admin.actionsOn");
  return (
    <tr className={isChosen ? "sel" : undefined}>
      {view.several && (
        <td className="pick">
          {model.mayChoose(row) && (
            <input
              type="checkbox"
              className="box"
              aria-label={t("admin.choose", { name: model.person(String(row.user_id), row).name })}
              title={t("admin.choose", { name: model.person(String(row.user_id), row).name })}
              checked={isChosen}
              onChange={(event) => model.choose(String(row.user_id), event.target.checked)}
            />
          )}
        </td>
      )}
      {view.columns.map(([field, as]) => (
        <td key={field} data-label={headOf(t, view.name, field)}>
          <Cell
            row={row}
            field={field}
            as={as}
            model={model}
            onOpen={as === "person" && view.name !== "former" ? (id) => void model.open(id) : undefined}
          />
        </td>
      ))}
      <td className="acts">{choices.length > 0 && <Menu label={label} className="ib s" choices={choices} />}</td>
    </tr>
  );
}
