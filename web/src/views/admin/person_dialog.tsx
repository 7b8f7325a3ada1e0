import { useTranslation } from "react-i18next";
import type { Row } from "../../matrix/console";
import type { AdminViewModel } from "../../viewmodels/admin";
import { ago, date } from "../format";
import { Dialog } from "../ui/dialog";
import { Problem } from "../ui/parts";
import { useSnapshot } from "../use";

interface Device {
  device_id: string;
  display_name: string | null;
  last_seen_ts: number | null;
}

/** One account: since when, where it is used, where it came from. Nothing of what its holder said. */
export function PersonDialog({ model, person, onClose }: { model: AdminViewModel; person: Row; onClose: () => void }) {
  const { t } = useTranslation();
  const { busy, problem } = useSnapshot(model);
  const id = String(person.user_id);
  const who = model.person(id, person);
  const devices = (person.devices ?? []) as Device[];
  const moves = (person.moves ?? []) as Array<{ from_organisation: string; to_organisation: string; ts: number }>;
  const guests = (person.guests ?? []) as Array<{ user_id: string; purpose: string }>;
  const labelOf = (name: string): string => model.nameOf(name);
  const fact = (label: string, value: unknown) =>
    value ? (
      <>
        <dt>{t(label)}</dt>
        <dd className="anywhere">{String(value)}</dd>
      </>
    ) : null;
  return (
    <Dialog title={who.name} hint={person.organisation ? labelOf(String(person.organisation)) : undefined} onClose={onClose}>
      <Problem problem={problem} />
      <dl className="facts">
        {fact("admin.field.organisation", person.organisation && labelOf(String(person.organisation)))}
        {fact("admin.identifier", id)}
        {fact("profile.email", ((person.addresses ?? []) as string[]).join(", "))}
        {fact("admin.field.created_ts", person.created_ts && date(Number(person.created_ts)))}
        {fact("admin.field.expires_ts", person.expires_ts && date(Number(person.expires_ts)))}
        {fact(
          "admin.field.locked_by",
          person.locked_by && (person.locked_by === "all" ? t("admin.byInstallation") : labelOf(String(person.locked_by))),
        )}
        {fact("admin.field.last_seen_ts", person.last_seen_ts && ago(Number(person.last_seen_ts)))}
        {fact("admin.view.rooms", person.rooms)}
        {fact("admin.view.guests", guests.map((each) => `${model.nameOf(each.user_id)} (${each.purpose})`).join(", "))}
        {fact(
          "admin.moves",
          moves
            .map((each) => `${labelOf(each.from_organisation)} → ${labelOf(each.to_organisation)}, ${date(each.ts)}`)
            .join(" ; "),
        )}
      </dl>
      <h3 className="h">{t("settings.devices")}</h3>
      {!devices.length && <p className="muted">{t("admin.noDevices")}</p>}
      <ul className="stackv">
        {devices.map((each) => (
          <li key={each.device_id} className="row g3">
            <span className="grow min0">
              <span className="strong block anywhere">{each.display_name ?? each.device_id}</span>
              <span className="t13 muted">{each.last_seen_ts ? ago(each.last_seen_ts) : ""}</span>
            </span>
            <button
              type="button"
              className="btn small danger"
              disabled={busy}
              onClick={() => void model.removeDevice(id, each.device_id)}
            >
              {t("admin.do.remove_device")}
              <span className="sr"> {each.display_name ?? each.device_id}</span>
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
