import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Device } from "../../matrix/devices";
import { clock } from "../../platform/clock";
import { accountPage, removalPage } from "../../viewmodels/server_pages";
import type { SettingsViewModel } from "../../viewmodels/settings";
import { ago } from "../format";
import { RecoveryCodeField, useCodeProblem } from "../recovery_code_field";
import { Dialog, DialogActions } from "../ui/dialog";
import { Icon } from "../ui/icon";
import { Field, Skeleton } from "../ui/parts";
import { useApp, useMain, useSnapshot } from "../use";
import { RecoveryMeans } from "./recovery_means";

const RARE = 60 * 86_400_000;

export function Devices({ model }: { model: SettingsViewModel }) {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { devices, backup, codeCreated } = useSnapshot(model);
  const { encryption } = useSnapshot(app);
  const [renaming, setRenaming] = useState<Device | null>(null);
  const [checking, setChecking] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const open = (devices ?? []).filter((each) => !each.confirmed && !each.current && each.canEncrypt);
  const confirmed = (devices ?? []).filter((each) => each.confirmed || each.current);
  const others = (devices ?? []).filter((each) => !each.confirmed && !each.current && !each.canEncrypt);
  return (
    <>
      <p className="muted lead">{t("devices.lead")}</p>
      {devices === null && <Skeleton rows={3} />}
      {open.map((each) => (
        <section key={each.id} className="ask" aria-label={each.name}>
          <span className="ficon">
            <Icon name="mobile" />
          </span>
          <div className="grow">
            <h2>{t("devices.new")}</h2>
            <p className="t13">
              {each.name}
              {each.lastSeen ? `, ${ago(each.lastSeen)}` : ""}. {t("devices.newText")}
            </p>
          </div>
          <a className="btn danger" href={removalPage(each.id)} target="_blank" rel="noreferrer">
            {t("devices.notMe")}
          </a>
          <button
            type="button"
            className="btn main"
            disabled={encryption !== "ready" && encryption !== "no-code"}
            onClick={() => void main.verifyDevice(each.id)}
          >
            {t("devices.confirm")}
          </button>
        </section>
      ))}
      <h2 className="h">{t("devices.confirmed")}</h2>
      <DeviceList devices={confirmed} onRename={setRenaming} />
      {others.length > 0 && (
        <>
          <h2 className="h">{t("devices.others")}</h2>
          <DeviceList devices={others} onRename={setRenaming} />
        </>
      )}
      <RecoveryMeans codeCreated={codeCreated} onCheck={() => setChecking(true)} />
      <h2 className="h">{t("devices.backup")}</h2>
      <ul className="devl">
        <li className="dev">
          <span className="ficon">
            <Icon name="folder" />
          </span>
          <div className="grow">
            <p className="t13 muted">
              {backup?.enabled ? t("devices.backupOn", { count: backup.count ?? 0 }) : t("devices.backupOff")}
            </p>
          </div>
        </li>
      </ul>
      <div className="row g4 mt6 wrap">
        <button type="button" className="btn danger" onClick={() => setLeaving(true)}>
          <Icon name="logout" size={18} />
          {t("account.signOut")}
        </button>
        <a className="link" href={accountPage("org.matrix.devices_list")} target="_blank" rel="noreferrer">
          {t("devices.sessions")}
        </a>
      </div>
      {renaming && <Rename device={renaming} model={model} onClose={() => setRenaming(null)} />}
      {checking && <CheckCode model={model} onClose={() => setChecking(false)} />}
      {leaving && (
        <Dialog
          alert
          title={t("signOut.title")}
          hint={t(encryption === "ready" ? "signOut.safe" : "signOut.unsafe")}
          onClose={() => setLeaving(false)}
          foot={
            <DialogActions
              go={t("account.signOut")}
              danger
              onGo={() => void app.signOut()}
              onCancel={() => setLeaving(false)}
            />
          }
        >
          {encryption !== "ready" && (
            <button type="button" className="btn main" onClick={app.replaceCode}>
              {t("banner.makeCode")}
            </button>
          )}
        </Dialog>
      )}
    </>
  );
}

function DeviceList({ devices, onRename }: { devices: Device[]; onRename: (device: Device) => void }) {
  return (
    <ul className="devl">
      {devices.map((each) => (
        <DeviceRow key={each.id} device={each} onRename={() => onRename(each)} />
      ))}
    </ul>
  );
}

function DeviceRow({ device, onRename }: { device: Device; onRename: () => void }) {
  const { t } = useTranslation();
  const rare = device.lastSeen !== null && clock.now() - device.lastSeen > RARE;
  return (
    <li className="dev">
      <span className="ficon">
        <Icon name={/mobile|android|iphone|x ios/i.test(device.name) ? "mobile" : "laptop"} />
      </span>
      <div className="grow min0">
        <p className="row g2 wrap">
          <b className="cut">{device.name}</b>
          {device.current && (
            <span className="tag ok">
              <Icon name="check" size={13} />
              {t("devices.current")}
            </span>
          )}
          {rare && <span className="tag warn">{t("devices.rare")}</span>}
        </p>
        <p className="t13 muted">
          {device.current
            ? t("devices.thisOne")
            : device.lastSeen
              ? t("devices.seen", { when: ago(device.lastSeen) })
              : t("devices.neverSeen")}
        </p>
      </div>
      <div className="row g2">
        <button type="button" className="btn small" onClick={onRename}>
          {t("rename")}
          <span className="sr"> {device.name}</span>
        </button>
        {!device.current && (
          <a className="btn small" href={removalPage(device.id)} target="_blank" rel="noreferrer">
            {t("devices.remove")}
            <span className="sr"> {device.name}</span>
          </a>
        )}
      </div>
    </li>
  );
}

function Rename({ device, model, onClose }: { device: Device; model: SettingsViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState(device.name);
  return (
    <Dialog
      title={t("devices.renameTitle")}
      onClose={onClose}
      foot={
        <DialogActions
          go={t("save")}
          disabled={!name.trim()}
          onGo={() => void model.renameDevice(device.id, name.trim()).then(onClose)}
          onCancel={onClose}
        />
      }
    >
      <Field label={t("devices.name")} value={name} onText={setName} maxLength={100} hint={t("devices.nameHint")} />
    </Dialog>
  );
}

function CheckCode({ model, onClose }: { model: SettingsViewModel; onClose: () => void }) {
  const { t } = useTranslation();
  const { codeCreated } = useSnapshot(model);
  const [typed, setTyped] = useState("");
  const [result, setResult] = useState<"right" | "wrong" | "old" | "malformed" | null>(null);
  const error = useCodeProblem(result === "right" ? null : result, codeCreated);
  return (
    <Dialog
      title={t("devices.check")}
      hint={t("devices.checkHint")}
      onClose={onClose}
      foot={
        result === "right" ? (
          <button type="button" className="btn main" onClick={onClose}>
            {t("close")}
          </button>
        ) : (
          <button
            type="button"
            className="btn main"
            disabled={!typed.trim()}
            onClick={() => void model.checkCode(typed).then(setResult)}
          >
            {t("devices.check")}
          </button>
        )
      }
    >
      {result === "right" ? (
        <p className="note info" role="status">
          <Icon name="check" size={18} />
          {t("recovery.right")}
        </p>
      ) : (
        <RecoveryCodeField
          typed={typed}
          onType={(text) => {
            setTyped(text);
            setResult(null);
          }}
          error={error}
        />
      )}
    </Dialog>
  );
}
