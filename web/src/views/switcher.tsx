import { useId, useState } from "react";
import { Dialog as AriaDialog, Modal, ModalOverlay } from "react-aria-components/Modal";
import { useTranslation } from "react-i18next";
import type { Result, SwitcherViewModel } from "../viewmodels/switcher";
import { serverOf, short } from "./format";
import { Marked } from "./panels/found";
import { Avatar } from "./ui/avatar";
import { Icon } from "./ui/icon";
import { useMain, useSnapshot } from "./use";

export function Switcher({ model }: { model: SwitcherViewModel }) {
  const { t } = useTranslation();
  const main = useMain();
  const { typed, results, found, searching, indexed } = useSnapshot(model);
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const at = Math.min(chosen, results.length - 1);
  const go = (result: Result): void => {
    main.closeDialog();
    void model.go(result);
  };
  const onKey = (event: React.KeyboardEvent): void => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by && results.length) {
      event.preventDefault();
      const next = (at + by + results.length) % results.length;
      setChosen(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && results[at]) {
      event.preventDefault();
      go(results[at]);
    }
  };
  const heading = (result: Result): string =>
    result.kind === "all"
      ? "switcher.all"
      : result.kind === "message"
        ? "switcher.messages"
        : result.kind === "file"
          ? "switcher.files"
          : "switcher.rooms";
  return (
    <ModalOverlay className="scrim top" isOpen isDismissable onOpenChange={(open) => !open && main.closeDialog()}>
      <Modal className="dialogbox" style={{ maxWidth: "42rem" }}>
        <AriaDialog className="dialog" aria-label={t("list.seek")}>
          <div className="seekrow">
            <Icon name="search" />
            <input
              role="combobox"
              aria-expanded={results.length > 0}
              aria-controls={id}
              aria-activedescendant={results.length ? `${id}-${at}` : undefined}
              aria-autocomplete="list"
              aria-label={t("list.seek")}
              title={t("list.seek")}
              placeholder={t("list.seek")}
              value={typed}
              onChange={(event) => {
                model.type(event.target.value);
                setChosen(0);
              }}
              onPaste={(event) => {
                // a link to a message needs no search
                if (main.follow(event.clipboardData.getData("text").trim())) event.preventDefault();
              }}
              onKeyDown={onKey}
              autoFocus
            />
            <kbd className="notphone">{t("escape")}</kbd>
            <button type="button" className="ib onlyphone" aria-label={t("close")} onClick={main.closeDialog}>
              <Icon name="x" />
            </button>
          </div>
          <div className="results" role="listbox" id={id} aria-label={t("switcher.results")}>
            {results.map((each, index) => (
              <div key={`${each.kind} ${each.key}`} className="resultbox" role="presentation">
                {(index === 0 || heading(results[index - 1]) !== heading(each)) && (
                  <p className="sect" role="presentation">
                    {t(heading(each))}
                  </p>
                )}
                {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the keys are the text field's, which names the option that is active */}
                <div
                  id={`${id}-${index}`}
                  role="option"
                  aria-selected={index === at}
                  className="result"
                  onClick={() => go(each)}
                  onMouseMove={() => setChosen(index)}
                >
                  <ResultLine result={each} term={typed} />
                </div>
              </div>
            ))}
          </div>
          <p className="switchfoot t12 muted">
            <span role="status">
              {searching
                ? t("switcher.searching")
                : found
                  ? t("switcher.count", { count: found, help: t("switcher.help") })
                  : typed.trim() && t("switcher.none")}
            </span>
            <span className="row g1">
              <Icon name="lock" size={13} />
              {t("switcher.local", { count: indexed })}
            </span>
          </p>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

function ResultLine({ result, term }: { result: Result; term: string }) {
  const { t } = useTranslation();
  if (result.kind === "room") {
    const { room } = result;
    return (
      <>
        <Avatar
          id={room.other?.id ?? room.id}
          name={room.name}
          picture={room.avatar}
          size={36}
          square={room.kind !== "direct"}
        />
        <span className="min0 grow">
          <span className="strong cut block">{room.name}</span>
          <span className="t13 muted cut block">{room.other?.organisation ?? t(`kind.${room.kind}`)}</span>
        </span>
        {room.mentions > 0 && <span className="count">@ {room.mentions}</span>}
      </>
    );
  }
  if (result.kind === "person")
    return (
      <>
        <Avatar id={result.person.id} name={result.person.name} picture={result.person.avatar} size={36} />
        <span className="min0 grow">
          <span className="strong cut block">{result.person.name}</span>
          <span className="t13 muted cut block">{result.person.organisation ?? serverOf(result.person.id)}</span>
        </span>
      </>
    );
  if (result.kind === "all")
    return (
      <>
        <span className="ficon small">
          <Icon name="search" size={18} />
        </span>
        <span className="strong grow">{t("switcher.toSearch", { count: result.count })}</span>
        <Icon name="right" size={18} />
      </>
    );
  return (
    <>
      <span className="ficon small">
        <Icon name={result.kind === "file" ? "doc" : "chat"} size={18} />
      </span>
      <span className="min0 grow">
        <span className="strong cut block">
          {result.found.sender} <span className="faint t13">{result.room}</span>
        </span>
        <span className="t13 muted">
          <Marked text={result.found.text} term={term} />
        </span>
      </span>
      <time className="t12 faint">{short(result.found.ts)}</time>
    </>
  );
}
