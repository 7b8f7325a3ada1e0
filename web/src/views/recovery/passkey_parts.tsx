import { useTranslation } from "react-i18next";
import type { RecoveryPasskey } from "../../matrix/recovery_passkeys";
import type { PasskeyProblem as Reason } from "../../platform/passkey";
import { Icon } from "../ui/icon";

/** How a passkey is called: as its owner says, or what it is. */
export function usePasskeyName(): (passkey: Pick<RecoveryPasskey, "kind"> & { name?: string }) => string {
  const { t } = useTranslation();
  return ({ name, kind }) => name || t(`passkeys.kind.${kind}`);
}

/** Why a passkey has opened nothing, said at once. */
export function PasskeyProblem({ problem }: { problem: Reason | "wrong" | null }) {
  const { t } = useTranslation();
  return (
    <div role="alert">
      {problem && (
        <p className={problem === "cancelled" ? "note mt2" : "note danger mt2"}>
          <Icon name={problem === "cancelled" ? "info" : "warn"} size={18} />
          <span className="grow">{t(`passkeys.problem.${problem}`)}</span>
        </p>
      )}
    </div>
  );
}
