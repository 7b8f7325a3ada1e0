import { useTranslation } from "react-i18next";
import type { RecoveryPasskey } from "../../matrix/recovery_passkeys";
import { RecoveryMeansViewModel } from "../../viewmodels/recovery_means";
import { date } from "../format";
import { PasskeyProblem, usePasskeyName } from "../recovery/passkey_parts";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/parts";
import { useApp, useMade, useSnapshot } from "../use";
import { MeansDialog } from "./recovery_tasks";

interface Props {
  codeCreated: number | null;
  onCheck: () => void;
}

/** What opens one's messages on another device: passkeys, and the code. */
export function RecoveryMeans({ codeCreated, onCheck }: Props) {
  const model = useMade(RecoveryMeansViewModel, "recovery-means");
  const { t } = useTranslation();
  const app = useApp();
  const isConfirmed = useSnapshot(app).encryption !== "unconfirmed";
  const { passkeys, isOffered, isFull, hasCode, task, passkeyProblem, busy, problem } = useSnapshot(model);
  const begin = (): void => {
    if (hasCode || model.hasUsable) model.add();
    else app.replaceCode();
  };
  return (
    <>
      <h2 className="h">{t("devices.recovery")}</h2>
      <ul className="devl">
        {passkeys.map((each) => (
          <PasskeyRow key={each.id} model={model} passkey={each} mayAct={isConfirmed && !busy} />
        ))}
        <CodeRow model={model} isConfirmed={isConfirmed} codeCreated={codeCreated} onCheck={onCheck} />
      </ul>
      {!task && (
        <>
          <PasskeyProblem problem={passkeyProblem} />
          <Problem problem={problem} />
        </>
      )}
      {isConfirmed && isOffered && !isFull && (
        <div className="row g3 mt3">
          <button type="button" className="btn" onClick={begin}>
            <Icon name="plus" size={18} />
            {t("passkeys.add")}
          </button>
        </div>
      )}
      {isFull && <p className="hint mt2">{t("passkeys.full")}</p>}
      {isOffered === false && <p className="hint mt2">{t("passkeys.notOffered")}</p>}
      {task && <MeansDialog model={model} task={task} />}
    </>
  );
}

function PasskeyRow({ model, passkey, mayAct }: { model: RecoveryMeansViewModel; passkey: RecoveryPasskey; mayAct: boolean }) {
  const { t } = useTranslation();
  const nameOf = usePasskeyName();
  const { tried } = useSnapshot(model);
  const { opens, isHere, used } = passkey;
  const name = nameOf(passkey);
  const about = !opens
    ? t("passkeys.outdatedText")
    : !isHere
      ? t("passkeys.elsewhereText", { host: passkey.host })
      : `${t("passkeys.made", { date: date(passkey.created) })} · ${used ? t("passkeys.used", { date: date(used) }) : t("passkeys.unused")}`;
  return (
    <li className="dev">
      <span className="ficon">
        <Icon name="passkey" />
      </span>
      <div className="grow min0">
        <p className="row g2 wrap">
          <b className="cut">{name}</b>
          {opens && isHere ? (
            <span className="tag ok">
              <Icon name="check" size={13} />
              {t("passkeys.active")}
            </span>
          ) : (
            <span className="tag warn">{t(opens ? "passkeys.elsewhere" : "passkeys.outdated")}</span>
          )}
        </p>
        <p className="t13 muted anywhere">{about}</p>
        <p className="t13 strong" role="status">
          {tried === passkey.id && t("passkeys.works")}
        </p>
      </div>
      <div className="row g2 wrap">
        {isHere && (
          <button
            type="button"
            className="btn small"
            disabled={!mayAct}
            onClick={() => (opens ? void model.tryOut(passkey.id) : model.renew(passkey))}
          >
            {t(opens ? "passkeys.tryOut" : "passkeys.renew")}
            <span className="sr"> {name}</span>
          </button>
        )}
        <button type="button" className="btn small" disabled={!mayAct} onClick={() => model.askName(passkey)}>
          {t("rename")}
          <span className="sr"> {name}</span>
        </button>
        <button type="button" className="btn small" disabled={!mayAct} onClick={() => model.askRemove(passkey)}>
          {t("devices.remove")}
          <span className="sr"> {name}</span>
        </button>
      </div>
    </li>
  );
}

function CodeRow({
  model,
  isConfirmed,
  codeCreated,
  onCheck,
}: Props & { model: RecoveryMeansViewModel; isConfirmed: boolean }) {
  const { t } = useTranslation();
  const app = useApp();
  const { hasCode, busy } = useSnapshot(model);
  const make = (): void => {
    if (!hasCode && model.hasUsable) void model.openForCode(app.writeCode);
    else app.replaceCode();
  };
  return (
    <li className="dev">
      <span className="ficon">
        <Icon name="key" />
      </span>
      <div className="grow">
        <p className="row g2 wrap">
          <b>{t("devices.code")}</b>
          {hasCode ? (
            <span className="tag ok">
              <Icon name="check" size={13} />
              {t("devices.active")}
            </span>
          ) : (
            <span className="tag warn">{t("devices.noCode")}</span>
          )}
        </p>
        <p className="t13 muted">{codeCreated ? t("devices.codeMade", { date: date(codeCreated) }) : t("devices.codeText")}</p>
      </div>
      <div className="row g2 wrap">
        {hasCode && isConfirmed && (
          <button type="button" className="btn small" onClick={onCheck}>
            {t("devices.check")}
          </button>
        )}
        <button type="button" className="btn small" disabled={busy} onClick={isConfirmed ? make : app.askConfirm}>
          {t(!isConfirmed ? "banner.confirm" : hasCode ? "devices.replace" : "banner.makeCode")}
        </button>
      </div>
    </li>
  );
}
