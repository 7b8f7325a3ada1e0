import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Row } from "../../matrix/console";
import type { AdminViewModel, Wanted } from "../../viewmodels/admin";
import { filled, isMissing, PEOPLE, SWITCHES, switchedBy, valuesOf } from "../../viewmodels/admin_action";
import { FIELDS, isCritical, isGrave } from "../../viewmodels/admin_views";
import { CreateRoomViewModel } from "../../viewmodels/create_room";
import type { When } from "../../viewmodels/dates";
import { secondFactorPage } from "../../viewmodels/server_pages";
import { PeopleField } from "../people_field";
import { Dialog } from "../ui/dialog";
import { Field, Problem, Switch } from "../ui/parts";
import { WhenField } from "../ui/when_field";
import { useMade, useSnapshot } from "../use";
import { Detail } from "./cell";

const TIMES: Record<string, When> = { ends_ts: "date", at_ts: "moment" };

/** Asks for what an action needs; what is critical needs a code, or a colleague. */
export function ActionDialog({ model, wanted, onClose }: { model: AdminViewModel; wanted: Wanted; onClose: () => void }) {
  const { t } = useTranslation();
  const { action, row } = wanted;
  const fields = FIELDS[action] ?? [];
  const { busy, problem } = useSnapshot(model);
  const [given, setGiven] = useState<Record<string, string>>(() => filled(action, row));
  const [switched, setSwitched] = useState(() => switchedBy(row));
  const [code, setCode] = useState("");
  const picking = useMade(CreateRoomViewModel, action, () => {});
  const { chosen } = useSnapshot(picking);
  const people = chosen.flatMap((each) => (each.person ? [each.person.id] : []));
  const missing = isMissing(action, given, people);
  const agreeing = action === "approve";
  const critical = agreeing || isCritical(action, row);
  const send = async (withCode: boolean): Promise<void> => {
    const done =
      agreeing && row
        ? model.decide(row, true, code)
        : model.do(action, row, valuesOf(action, { given, switched, people }), withCode ? code : "");
    if (await done) onClose();
  };
  return (
    <Dialog
      alert={isGrave(action)}
      title={t(`admin.do.${action}`)}
      hint={t(`admin.hint.${action}`)}
      onClose={onClose}
      foot={
        <>
          <button type="button" className="btn quiet" onClick={onClose}>
            {t("cancel")}
          </button>
          {critical && !agreeing && (
            <button type="button" className="btn" disabled={busy || missing} onClick={() => void send(false)}>
              {t("admin.askColleague")}
            </button>
          )}
          {(!critical || model.rights.has_codes) && (
            <button
              type="button"
              className={isGrave(action) ? "btn dangerfill" : "btn main"}
              disabled={busy || missing || (critical && !code.trim())}
              onClick={() => void send(true)}
            >
              {t("admin.go")}
            </button>
          )}
        </>
      }
    >
      <div className="stackv">
        {row && (agreeing ? <Request row={row} model={model} /> : <p className="strong anywhere">{nameOf(row, model)}</p>)}
        {fields.map((each) =>
          PEOPLE.has(each) ? (
            <PeopleField key={each} model={picking} label={t(`admin.field.${each}`)} />
          ) : SWITCHES.has(each) ? (
            <Switch
              key={each}
              label={t(each === "guests" ? "admin.field.mayGuests" : `admin.field.${each}`)}
              on={switched[each] ?? false}
              onChange={(on) => setSwitched({ ...switched, [each]: on })}
            />
          ) : each === "to" ? (
            <label key={each} className="field">
              <span className="label">{t("admin.field.to")}</span>
              <select value={given.to ?? ""} onChange={(event) => setGiven({ ...given, to: event.target.value })}>
                <option value="" />
                {model.rights.organisations
                  .filter((one) => one.name !== row?.organisation)
                  .map((one) => (
                    <option key={one.name} value={one.name}>
                      {one.label}
                    </option>
                  ))}
              </select>
            </label>
          ) : each === "text" || each === "addresses" ? (
            <label key={each} className="field">
              <span className="label">{t(each === "text" ? "admin.field.text" : "admin.field.addressLines")}</span>
              <textarea
                className="input"
                rows={each === "text" ? 5 : 3}
                maxLength={4000}
                value={given[each] ?? ""}
                onChange={(event) => setGiven({ ...given, [each]: event.target.value })}
              />
            </label>
          ) : TIMES[each] ? (
            <WhenField
              key={each}
              what={TIMES[each]}
              label={t(`admin.field.${each}`)}
              value={given[each] ?? ""}
              onValue={(iso) => setGiven({ ...given, [each]: iso })}
            />
          ) : (
            <Field
              key={each}
              label={t(`admin.field.${each}`)}
              type={each === "guest_days" ? "number" : "text"}
              value={given[each] ?? ""}
              onText={(text) => setGiven({ ...given, [each]: text })}
              readOnly={each === "name" && action === "set_organisation" && row !== null}
              maxLength={300}
            />
          ),
        )}
        {critical && (
          <>
            <p className="note warn">
              {t(`admin.${agreeing ? "agree" : "critical"}${model.rights.has_codes ? "" : "NoCode"}`)}
              {!model.rights.has_codes && (
                <>
                  {" "}
                  <a className="link" href={secondFactorPage} target="_blank" rel="noreferrer">
                    {t("admin.addFactor")}
                  </a>
                </>
              )}
            </p>
            {model.rights.has_codes && (
              <Field
                label={t("admin.code")}
                value={code}
                onText={setCode}
                inputMode="numeric"
                autoComplete="one-time-code"
                maxLength={10}
              />
            )}
          </>
        )}
        <Problem problem={problem} />
      </div>
    </Dialog>
  );
}

/** What one agrees to: the action, whom or what it is about, who asks. */
function Request({ row, model }: { row: Row; model: AdminViewModel }) {
  const { t } = useTranslation();
  return (
    <div>
      <p className="strong anywhere">{t(`admin.do.${row.action}`, { defaultValue: String(row.action) })}</p>
      <Detail value={row.arguments as Row} model={model} />
      <p className="t13 muted anywhere">{t("admin.askedBy", { name: model.person(String(row.asked_by)).name })}</p>
    </div>
  );
}

function nameOf(row: Row, model: AdminViewModel): string {
  if (row.user_id) return `${model.person(String(row.user_id), row).name} (${row.user_id})`;
  return String(row.name ?? row.label ?? row.file_name ?? row.target ?? row.reason ?? "");
}
