/** What is said of the audit log's chain: whether the log is as it was written. */

import { useTranslation } from "react-i18next";
import type { AuditChain } from "../../matrix/console";
import { moment } from "../format";

export function ChainWord({ chain }: { chain: AuditChain }) {
  const { t } = useTranslation();
  const when = moment(chain.checked_ts);
  return (
    <>
      {chain.intact
        ? t("admin.chain.intact", { count: chain.number, when })
        : t("admin.chain.broken", { number: chain.number, when })}
    </>
  );
}
