import { useTranslation } from "react-i18next";
import { OVERVIEW } from "../../viewmodels/admin_filters";
import type { OverviewViewModel } from "../../viewmodels/admin_overview";
import { count } from "../format";
import { Icon } from "../ui/icon";
import { Problem, Skeleton } from "../ui/parts";
import { useSnapshot } from "../use";
import { ChainWord } from "./chain";

/** What there is to see to: each number is a link to what it counts. */
export function AdminOverview({ organisation, model }: { organisation: string; model: OverviewViewModel }) {
  const { t } = useTranslation();
  const { numbers, problem } = useSnapshot(model);
  return (
    <>
      <h1>{t("admin.view.overview")}</h1>
      <p className="muted">{t("admin.about.overview")}</p>
      <Problem problem={problem} onRetry={() => void model.look()} />
      {!numbers && !problem && <Skeleton rows={5} />}
      {numbers && (
        <>
          <ul className="overview mt3">
            {OVERVIEW.map(({ number, view, icon }) => (
              <li key={number}>
                <a
                  className={numbers[number] && number !== "people" ? "sum due" : "sum"}
                  href={`#/admin/${organisation}/${view}`}
                >
                  <Icon name={icon} />
                  <span className="grow">{t(`admin.overview.${number}`, { count: numbers[number] })}</span>
                  <b className="num">{count(numbers[number])}</b>
                </a>
              </li>
            ))}
          </ul>
          <p
            className={numbers.chain.intact ? "note mt3" : "note danger mt3"}
            role={numbers.chain.intact ? undefined : "alert"}
          >
            <Icon name={numbers.chain.intact ? "check" : "shieldbad"} size={18} />
            <a href={`#/admin/${organisation}/audit`}>
              <ChainWord chain={numbers.chain} />
            </a>
          </p>
        </>
      )}
    </>
  );
}
