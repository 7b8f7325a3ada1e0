import { useTranslation } from "react-i18next";
import { keep } from "../../platform/files";
import { MyDataViewModel } from "../../viewmodels/my_data";
import { date } from "../format";
import { Icon } from "../ui/icon";
import { Problem, ToConfirm } from "../ui/parts";
import { useMade, useSnapshot } from "../use";

/** What the service itself has of somebody, packed by the server: it may take a while. */
export function MyData() {
  const { t } = useTranslation();
  const model = useMade(MyDataViewModel, "my data");
  const { packages, confirm, fetching, busy, problem } = useSnapshot(model);
  const going = packages?.some((each) => each.state === "waiting" || each.state === "working") ?? false;
  return (
    <section aria-label={t("myData.title")}>
      <h2 className="h">{t("myData.title")}</h2>
      <p className="muted">{t("myData.text")}</p>
      <Problem problem={problem} />
      {confirm && <ToConfirm text={t("myData.confirm")} page={confirm.page} />}
      <div className="row g3 wrap mt2">
        <button type="button" className="btn" disabled={busy || going} onClick={() => void model.ask()}>
          <Icon name="archive" size={18} />
          {t(confirm ? "myData.confirmed" : "myData.ask")}
        </button>
        <span role="status">{going ? t("myData.making") : ""}</span>
      </div>
      <ul className="stackv mt2">
        {packages
          ?.filter((each) => each.state === "ready" || each.state === "failed")
          .map((each) => (
            <li key={each.id}>
              {each.state === "failed" ? (
                t("myData.failed")
              ) : (
                <button
                  type="button"
                  className="link"
                  onClick={() =>
                    void model.fetch(each.id).then((blob) => blob && keep(URL.createObjectURL(blob), "chappe.zip"))
                  }
                >
                  {t(fetching?.id === each.id ? "myData.fetch" : "myData.ready", { date: date(each.created_ts) })}
                </button>
              )}
              {fetching?.id === each.id && <ToConfirm text={t("myData.confirmFetch")} page={fetching.page} />}
            </li>
          ))}
      </ul>
    </section>
  );
}
