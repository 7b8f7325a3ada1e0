import { useTranslation } from "react-i18next";
import type { DirectoryFacts } from "../../matrix/directory_facts";
import { dialled } from "../../viewmodels/person";
import { Icon } from "../ui/icon";
import { useMain } from "../use";

/** What somebody's directory says of them; nothing where it says nothing. */
export function FactsOf({ facts: { service, telephone } }: { facts: DirectoryFacts }) {
  const { t } = useTranslation();
  return (
    <>
      {service && (
        <>
          <dt>{t("person.service")}</dt>
          <dd className="anywhere">{service}</dd>
        </>
      )}
      {telephone && (
        <>
          <dt>{t("person.telephone")}</dt>
          <dd>
            <Telephone number={telephone} />
          </dd>
        </>
      )}
    </>
  );
}

function Telephone({ number }: { number: string }) {
  const { t } = useTranslation();
  const main = useMain();
  const dials = dialled(number);
  return (
    <span className="telephone">
      {dials ? (
        <a href={`tel:${dials}`} aria-label={t("person.call", { number })}>
          {number}
        </a>
      ) : (
        <span className="anywhere">{number}</span>
      )}
      <button
        type="button"
        className="ib s"
        aria-label={t("person.copyNumber")}
        onClick={() => void navigator.clipboard.writeText(number).then(() => main.say("person.numberCopied"))}
      >
        <Icon name="copy" size={16} />
      </button>
    </span>
  );
}
