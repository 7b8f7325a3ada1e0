import { useState } from "react";
import { useTranslation } from "react-i18next";
import { BarredViewModel } from "../viewmodels/barred";
import { useArrival } from "./hands/arrive";
import { Form } from "./ui/form";
import { Empty, Field, Problem } from "./ui/parts";
import { useApp, useMade, useSnapshot } from "./use";

/** A locked account, or one that has ended: why, and what helps. */
export function Barred() {
  const { t } = useTranslation();
  const app = useApp();
  const model = useMade(BarredViewModel, "barred");
  const { why, busy, problem, sent, wrong } = useSnapshot(model);
  const [code, setCode] = useState("");
  const place = useArrival<HTMLElement>(why);
  const renews = why === "expired" && model.mayRenew;
  const text = why === "expired" && model.sponsor !== null ? "barred.guest" : renews ? "barred.renew" : `barred.${why}.text`;
  return (
    <main className="centred" tabIndex={-1} ref={place}>
      <Empty whole icon="lock" title={t(`barred.${why}`)} text={t(text, { sponsor: model.sponsor ?? "" })}>
        <Problem problem={problem} />
        <p role="status" className={sent ? "note info" : "sr"}>
          {sent ? t(model.byCode ? "barred.sentCode" : "barred.sent") : ""}
        </p>
        {renews && model.byCode && (
          <Form
            className="row g2 wrap"
            onSubmit={(event) => {
              event.preventDefault();
              void model.renew(code);
            }}
          >
            <Field
              label={t("barred.code")}
              value={code}
              onText={setCode}
              inputMode="numeric"
              autoComplete="one-time-code"
              error={wrong ? t("barred.wrongCode") : null}
            />
            <button type="submit" className="btn main" disabled={busy || !code.trim()}>
              {t("barred.useCode")}
            </button>
          </Form>
        )}
        <div className="row g3 wrap">
          {renews && (
            <button type="button" className="btn main" disabled={busy} onClick={() => void model.send()}>
              {t(sent ? "barred.sendAgain" : "barred.send")}
            </button>
          )}
          <button type="button" className={renews ? "btn" : "btn main"} onClick={model.retry}>
            {t("retry")}
          </button>
          <button type="button" className="btn" onClick={() => void app.signOut()}>
            {t("account.signOut")}
          </button>
        </div>
      </Empty>
    </main>
  );
}
