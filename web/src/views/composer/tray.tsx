import "../../styles/tray.css";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { MOST, type TrayViewModel, type Waiting } from "../../viewmodels/tray";
import { iconOf } from "../file_icon";
import { size } from "../format";
import { Icon } from "../ui/icon";
import { useObjectUrl, useSnapshot } from "../use";

interface Props {
  model: TrayViewModel;
  onSend: () => void;
  /** Where the hands go when nothing is left. */
  onEmpty: () => void;
}

/** Files that will leave with the message: a look at each, words, the order, what is taken out of them. */
export function Tray({ model, onSend, onEmpty }: Props) {
  const { t } = useTranslation();
  const { files, leftOut, limit, moved, size: whole, isReducible, isReduced, hasTraces, keepsTraces } = useSnapshot(model);
  const list = useRef<HTMLUListElement>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const going = files.filter((each) => !each.problem).length;
  const remove = (each: Waiting): void => {
    const rows = [...list.current!.querySelectorAll<HTMLElement>("[data-remove]")];
    const at = files.indexOf(each);
    const next = rows[at + 1] ?? rows[at - 1];
    model.remove(each.id);
    if (next) next.focus();
    else onEmpty();
  };
  return (
    <section className="tray" aria-label={t("tray.label")}>
      <ul ref={list}>
        {files.map((each, index) => (
          <li
            key={each.id}
            className={dragged === each.id ? "trayrow dragged" : "trayrow"}
            data-tray={each.name}
            onDragOver={(event) => {
              if (dragged === null) return;
              event.preventDefault();
              if (dragged !== each.id) model.move(dragged, index);
            }}
            onDrop={(event) => dragged !== null && event.preventDefault()}
          >
            <span
              className="traypic"
              draggable={files.length > 1}
              onDragStart={(event) => {
                event.dataTransfer.setData("text/plain", each.name);
                event.dataTransfer.effectAllowed = "move";
                setDragged(each.id);
              }}
              onDragEnd={() => setDragged(null)}
            >
              <Picture file={each} />
            </span>
            <Row file={each} model={model} onSend={onSend} limit={limit} keeps={keepsTraces} />
            <span className="traytools">
              {files.length > 1 && (
                <>
                  <Move
                    label={t("tray.up", { name: each.name })}
                    icon="up"
                    off={index === 0}
                    go={() => model.move(each.id, index - 1)}
                  />
                  <Move
                    label={t("tray.down", { name: each.name })}
                    icon="down"
                    off={index === files.length - 1}
                    go={() => model.move(each.id, index + 1)}
                  />
                </>
              )}
              <button
                type="button"
                className="ib s"
                data-remove
                aria-label={t("tray.remove", { name: each.name })}
                onClick={() => remove(each)}
              >
                <Icon name="x" />
              </button>
            </span>
          </li>
        ))}
      </ul>
      <div className="trayfoot">
        <p className="t12 muted grow" role="status">
          {moved
            ? t("tray.moved", { ...moved, place: moved.place + 1, of: files.length })
            : t("tray.count", { count: going, size: size(whole) })}
          {leftOut > 0 && <b className="bad block">{t("tray.leftOut", { count: leftOut, most: MOST })}</b>}
        </p>
        {isReducible && <Check on={isReduced} text={t("tray.reduce")} set={model.setReduced} />}
        {hasTraces && <Check on={keepsTraces} text={t("tray.keepTraces")} set={model.setKeepsTraces} />}
        {files.length > 1 && (
          <button
            type="button"
            className="link t12"
            onClick={() => {
              model.clear();
              onEmpty();
            }}
          >
            {t("tray.clear")}
          </button>
        )}
      </div>
    </section>
  );
}

interface RowProps {
  file: Waiting;
  model: TrayViewModel;
  onSend: () => void;
  limit: number | null;
  keeps: boolean;
}

function Row({ file, model, onSend, limit, keeps }: RowProps) {
  const { t } = useTranslation();
  const { traces, problem } = file;
  const told = traces.map((each) => t(`trace.${each}`)).join(", ");
  return (
    <div className="grow min0">
      <p className="row g2">
        <span className="strong cut">{file.name}</span>
        <span className="t12 muted num nowrap">{size(file.size)}</span>
      </p>
      {problem ? (
        <p className="t12 bad" role="alert">
          {t(`tray.${problem}`, { limit: size(limit ?? 0) })}
        </p>
      ) : (
        <>
          {traces.length > 0 && (
            <p className="t12 muted">{keeps ? t("tray.leavesWith", { traces: told }) : t("tray.takenOut", { traces: told })}</p>
          )}
          {file.keepsTraces && <p className="t12 muted">{t("tray.mayTell")}</p>}
          <input
            className="traywords"
            value={file.caption}
            maxLength={4000}
            aria-label={t("tray.captionOf", { name: file.name })}
            title={t("tray.captionOf", { name: file.name })}
            placeholder={t("tray.caption")}
            onChange={(event) => model.caption(file.id, event.target.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
              event.preventDefault();
              onSend();
            }}
          />
        </>
      )}
    </div>
  );
}

function Picture({ file }: { file: Waiting }) {
  const url = useObjectUrl(file.picture);
  if (url) return <img src={url} alt="" />;
  return <Icon name={file.isReading ? "spin" : iconOf(file.mime, file.name)} size={22} />;
}

/** Stays where it is when there is no further to go, so that the hands do. */
const Move = ({ label, icon, off, go }: { label: string; icon: "up" | "down"; off: boolean; go: () => void }) => (
  <button type="button" className="ib s" aria-label={label} aria-disabled={off || undefined} onClick={() => !off && go()}>
    <Icon name={icon} />
  </button>
);

const Check = ({ on, text, set }: { on: boolean; text: string; set: (on: boolean) => void }) => (
  <label className="traycheck t12">
    <input type="checkbox" checked={on} onChange={(event) => set(event.target.checked)} /> {text}
  </label>
);
