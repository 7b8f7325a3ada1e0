import { useTranslation } from "react-i18next";
import type { CreateRoomViewModel, Kind } from "../viewmodels/create_room";
import { levelName } from "./format";
import type { IconName } from "./icons";
import { PeopleField } from "./people_field";
import { Dialog } from "./ui/dialog";
import { Form } from "./ui/form";
import { Icon } from "./ui/icon";
import { AllRequired, Field, Problem } from "./ui/parts";
import { useApp, useMain, useSnapshot } from "./use";

const KINDS: Array<[Kind, IconName]> = [
  ["direct", "user"],
  ["private", "users"],
  ["guests", "guest"],
  ["forum", "forum"],
  ["space", "folder"],
];

/** What kind of room, not what settings: they follow from it. */
export function CreateRoom({ model }: { model: CreateRoomViewModel }) {
  const { t, i18n } = useTranslation();
  const app = useApp();
  const main = useMain();
  const { configuration, rules } = useSnapshot(app);
  const { kind, name, topic, nameMissing, busy, problem, level } = useSnapshot(model);
  const kinds = KINDS.filter(([each]) => {
    if (each === "forum") return configuration?.features.forums !== false && rules?.me.may_make_forums !== false;
    return each !== "guests" || rules?.me.may_have_guests !== false;
  });
  return (
    <Dialog
      wide
      title={t("create.title")}
      onClose={main.closeDialog}
      foot={
        <>
          <button type="button" className="btn quiet" onClick={main.closeDialog}>
            {t("cancel")}
          </button>
          <button type="submit" form="create" className="btn main" disabled={busy}>
            {busy
              ? t("create.making")
              : t(
                  kind === "direct"
                    ? "create.write"
                    : kind === "forum"
                      ? "create.makeForum"
                      : kind === "space"
                        ? "create.makeSpace"
                        : "create.make",
                )}
          </button>
        </>
      }
    >
      <Form
        checks={false} // its view model says what is missing, beside the field
        id="create"
        className="cols"
        onSubmit={(event) => {
          event.preventDefault();
          void model.create();
        }}
      >
        <fieldset>
          <legend className="label">{t("create.who")}</legend>
          <div className="stackv">
            {kinds.map(([each, icon]) => (
              <label key={each} className="choice">
                <span className="ci">
                  <Icon name={icon} />
                </span>
                <span>
                  <b>{t(`create.${each}`)}</b>
                  <small>{t(`create.${each}Text`)}</small>
                </span>
                <input type="radio" name="kind" checked={kind === each} onChange={() => model.setKind(each)} />
              </label>
            ))}
          </div>
        </fieldset>
        <div className="stackv">
          <AllRequired />
          {kind !== "direct" && (
            <Field
              required
              label={t(kind === "forum" ? "create.nameForum" : kind === "space" ? "create.nameSpace" : "create.name")}
              value={name}
              onText={model.setName}
              error={nameMissing ? t("create.nameMissing") : null}
              maxLength={255}
              data-next
            />
          )}
          {(kind === "forum" || kind === "space") && (
            <Field label={t("create.topic")} value={topic} onText={model.setTopic} maxLength={1000} />
          )}
          {model.levels().length > 0 && (
            <div className="field">
              <label htmlFor="level">{t("details.level")}</label>
              <select id="level" value={level ?? ""} onChange={(event) => model.setLevel(event.target.value || null)}>
                <option value="">{t("details.unmarked")}</option>
                {model.levels().map((each) => (
                  <option key={each.name} value={each.name}>
                    {levelName(each, i18n.language)}
                  </option>
                ))}
              </select>
            </div>
          )}
          <PeopleField
            model={model}
            label={t(kind === "direct" ? "create.person" : "create.peopleMore")}
            next={kind === "direct"}
          />
          {kind === "guests" && (
            <p className="note warn">
              <Icon name="guest" size={18} />
              <span>{t("create.guestsWarning")}</span>
            </p>
          )}
          <section className="sum" aria-label={t("create.summary")}>
            <h3 className="t13 strong">{t("create.summary")}</h3>
            <ul>
              {[1, 2, 3].map((each) => (
                <li key={each}>
                  <Icon name={each === 1 ? "lock" : each === 2 ? "users" : "clock"} size={18} />
                  {t(`create.${kind}.sum${each}`)}
                </li>
              ))}
            </ul>
          </section>
          <Problem problem={problem} />
        </div>
      </Form>
    </Dialog>
  );
}
