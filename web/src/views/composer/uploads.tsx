import { useTranslation } from "react-i18next";
import type { OutgoingFile } from "../../matrix/file_outbox";
import type { UploadsViewModel } from "../../viewmodels/uploads";
import { size } from "../format";
import { Icon } from "../ui/icon";

/** Files on their way: how far, and what to do about those that did not get there. */
export const Uploads = ({ uploads, model }: { uploads: OutgoingFile[]; model: UploadsViewModel }) => (
  <ul className="uploads">
    {uploads.map((each) => (
      <li key={each.id}>
        <UploadRow upload={each} model={model} />
      </li>
    ))}
  </ul>
);

function UploadRow({ upload, model }: { upload: OutgoingFile; model: UploadsViewModel }) {
  const { t } = useTranslation();
  const percent = upload.size ? Math.min(100, Math.round((upload.sent / upload.size) * 100)) : 0;
  return (
    <div className="card wide">
      <span className="ficon">
        <Icon name="doc" size={22} />
      </span>
      <div className="grow min0">
        <p className="strong cut">{upload.name}</p>
        {upload.state === "sending" && (
          <>
            <div
              className="progress"
              role="progressbar"
              aria-label={t("upload.sending", { name: upload.name })}
              aria-valuenow={percent}
              aria-valuemin={0}
              aria-valuemax={100}
            >
              <span style={{ width: `${percent}%` }} />
            </div>
            <p className="t12 muted num">{t("upload.progress", { sent: size(upload.sent), of: size(upload.size) })}</p>
          </>
        )}
        {upload.state === "failed" && (
          <p className="t12 bad" role="alert">
            {t("upload.failed")} {upload.refusal && t(upload.refusal.key, upload.refusal.values)}{" "}
            <button type="button" className="link t12 bad" onClick={() => model.retry(upload.id)}>
              {t("retry")}
            </button>
          </p>
        )}
        {upload.state === "waiting" && <p className="t12 muted">{t("upload.waiting")}</p>}
      </div>
      <button
        type="button"
        className="ib s"
        aria-label={t("upload.cancel", { name: upload.name })}
        onClick={() => model.cancel(upload.id)}
      >
        <Icon name="x" />
      </button>
    </div>
  );
}
