import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { PreparedFile } from "../platform/prepared_file";
import { Recorder } from "../platform/recorder";
import { length } from "./format";
import { Icon } from "./ui/icon";

export function VoiceRecorder({ onDone }: { onDone: (file: PreparedFile | null) => void }) {
  const { t } = useTranslation();
  const recorder = useRef<Recorder | null>(null);
  const [ms, setMs] = useState(0);
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    const made = new Recorder(setMs);
    recorder.current = made;
    made.start().catch(() => setRefused(true));
    return () => made.cancel();
  }, []);
  return (
    <div className="recorder" role="group" aria-label={t("composer.voice")}>
      <button type="button" className="ib s" aria-label={t("voice.discard")} onClick={() => onDone(null)}>
        <Icon name="trash" />
      </button>
      {refused ? (
        <span className="grow bad" role="alert">
          {t("voice.refused")}
        </span>
      ) : (
        <span className="grow row g2" role="timer" aria-label={t("voice.recording")}>
          <span className="recdot" />
          {length(ms)}
        </span>
      )}
      <button
        type="button"
        className="send"
        aria-label={t("voice.send")}
        disabled={refused || ms < 500}
        onClick={() => void recorder.current!.finish(t("voice.name")).then(onDone)}
      >
        <Icon name="send" size={19} />
      </button>
    </div>
  );
}
