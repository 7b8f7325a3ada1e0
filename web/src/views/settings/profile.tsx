import { useState } from "react";
import { useTranslation } from "react-i18next";
import { accountPage } from "../../viewmodels/server_pages";
import type { SettingsViewModel } from "../../viewmodels/settings";
import { Avatar } from "../ui/avatar";
import { Form } from "../ui/form";
import { NameField, PictureButton } from "../ui/parts";
import { useSnapshot } from "../use";
import { Fact } from "./fact";

export function Profile({ model }: { model: SettingsViewModel }) {
  const { t } = useTranslation();
  const { me, nameIsFixed, emails, busy } = useSnapshot(model);
  const [name, setName] = useState(me.name);
  return (
    <Form
      className="stackv narrow mt4"
      onSubmit={(event) => {
        event.preventDefault();
        void model.setName(name);
      }}
    >
      <div className="row g4 wrap">
        <Avatar id={me.id} name={me.name} picture={me.avatar} size={88} />
        <div className="row g2 wrap">
          <PictureButton label={t("firstRun.choosePicture")} disabled={busy} onPick={(each) => void model.setPicture(each)} />
          {me.avatar && (
            <button type="button" className="btn quiet" disabled={busy} onClick={() => void model.setPicture(null)}>
              {t("profile.noPicture")}
            </button>
          )}
        </div>
      </div>
      <NameField name={name} isFixed={nameIsFixed} onText={setName} />
      {!nameIsFixed && (
        <div>
          <button type="submit" className="btn main" disabled={busy || !name.trim() || name.trim() === me.name}>
            {t("save")}
          </button>
        </div>
      )}
      <dl className="facts mt4">
        {me.organisation && (
          <>
            <dt>{t("profile.organisation")}</dt>
            <dd>{me.organisation}</dd>
          </>
        )}
        {emails.map((each) => (
          <Fact key={each} label={t("profile.email")} text={each} />
        ))}
      </dl>
      <p>
        <a className="link" href={accountPage()} target="_blank" rel="noreferrer">
          {t("profile.account")}
        </a>
      </p>
    </Form>
  );
}
