import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Row } from "../../matrix/console";
import type { AdminViewModel } from "../../viewmodels/admin";
import { concerned, SEVERAL, type SeveralAction, SeveralViewModel } from "../../viewmodels/admin_several";
import { isGrave } from "../../viewmodels/admin_views";
import { Dialog } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/parts";
import { useMade, useSnapshot } from "../use";

const SHOWN = 6;

/** Says how many are chosen, and what may be done to them. */
export function Chosen({ model, onTable }: { model: AdminViewModel; onTable: () => void }) {
  const { t } = useTranslation();
  const { chosen } = useSnapshot(model);
  const [wanted, setWanted] = useState<{ action: SeveralAction; rows: Row[] } | null>(null);
  const rows = model.chosenRows;
  const close = (): void => {
    setWanted(null);
    void model.look();
  };
  return (
    <>
      {chosen.length > 0 && (
        <div className="bulk">
          <b className="grow" role="status">
            {t("admin.chosen", { count: chosen.length })}
          </b>
          {SEVERAL.filter((action) => concerned(action, rows).length > 0).map((action) => (
            <button
              key={action}
              type="button"
              className={isGrave(action) ? "btn small danger" : "btn small"}
              onClick={() => setWanted({ action, rows })}
            >
              {t(`admin.do.${action}`)}
            </button>
          ))}
          <button type="button" className="btn small" onClick={onTable}>
            {t("admin.export")}
          </button>
          <button type="button" className="btn small quiet" onClick={() => model.chooseAll(false)}>
            {t("admin.chooseNone")}
          </button>
        </div>
      )}
      {wanted && <SeveralDialog model={model} action={wanted.action} rows={wanted.rows} onClose={close} />}
    </>
  );
}

interface Props {
  model: AdminViewModel;
  action: SeveralAction;
  rows: Row[];
  onClose: () => void;
}

/** Asks first, then says what became of each. */
function SeveralDialog({ model, action, rows, onClose }: Props) {
  const { t } = useTranslation();
  const several = useMade(SeveralViewModel, action, model.organisation, action, rows);
  const { busy, problem, became, undone } = useSnapshot(several);
  const count = several.people.length;
  const left = rows.length - count;
  return (
    <Dialog
      alert={isGrave(action)}
      title={t(became ? (undone ? "admin.several.undone" : "admin.several.result") : `admin.several.${action}`, { count })}
      hint={became ? undefined : t(`admin.several.about.${action}`)}
      onClose={onClose}
      foot={
        became ? (
          <>
            {several.mayUndo && (
              <button type="button" className="btn" disabled={busy} onClick={() => void several.undo()}>
                {t("admin.undo")}
              </button>
            )}
            <button type="button" className="btn main" data-go onClick={onClose}>
              {t("close")}
            </button>
          </>
        ) : (
          <>
            <button type="button" className="btn quiet" onClick={onClose}>
              {t("cancel")}
            </button>
            <button
              type="button"
              className={isGrave(action) ? "btn dangerfill" : "btn main"}
              disabled={busy}
              data-go
              onClick={() => void several.run()}
            >
              {t(`admin.several.${action}`, { count })}
            </button>
          </>
        )
      }
    >
      <Problem problem={problem} />
      {became ? (
        <Results model={model} several={several} />
      ) : (
        <>
          <ul className="stackv">
            {several.people.slice(0, SHOWN).map((row) => (
              <li key={String(row.user_id)}>{model.person(String(row.user_id), row).name}</li>
            ))}
            {count > SHOWN && <li className="muted">{t("admin.several.more", { count: count - SHOWN })}</li>}
          </ul>
          {left > 0 && <p className="muted mt2">{t(`admin.several.left.${action}`, { count: left })}</p>}
          {several.administrators > 0 && (
            <p className="note mt2">{t("admin.several.two", { count: several.administrators })}</p>
          )}
          {!(action === "lock" || action === "unlock") && <p className="muted mt2">{t("admin.several.final")}</p>}
        </>
      )}
    </Dialog>
  );
}

function Results({ model, several }: { model: AdminViewModel; several: SeveralViewModel }) {
  const { t } = useTranslation();
  const { undone } = useSnapshot(several);
  const row = (id: string): Row | null => several.people.find((each) => each.user_id === id) ?? null;
  const failed = several.with("failed");
  const asked = several.with("asked");
  return (
    <>
      <p role="status" className="row g2">
        <Icon name="check" size={18} />
        {t(undone ? "admin.several.backDone" : "admin.several.done", { count: several.with("done").length })}
      </p>
      {asked.length > 0 && (
        <p className="note mt2">
          {t("admin.several.asked", { count: asked.length })} {asked.map((each) => model.person(each.user_id, row(each.user_id)).name).join(", ")}
        </p>
      )}
      {failed.length > 0 && (
        <>
          <p className="note danger mt2" role="alert">
            {t("admin.several.failed", { count: failed.length })}
          </p>
          <ul className="stackv mt2">
            {failed.map((each) => {
              const { key, values } = several.why(each);
              return (
                <li key={each.user_id}>
                  <b className="strong">{model.person(each.user_id, row(each.user_id)).name}</b> {t(key, values)}
                </li>
              );
            })}
          </ul>
        </>
      )}
    </>
  ); // biome-ignore format: sentences
}
