import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment } from "../matrix/types";
import { length } from "./format";
import { Icon } from "./ui/icon";
import { useApp } from "./use";

/** A voice message: its loudness over its length, and how fast it is played. */
export function Voice({ file }: { file: Attachment }) {
  const { t } = useTranslation();
  const app = useApp();
  const audio = useRef<HTMLAudioElement>(null);
  const [url, setUrl] = useState<string | null>(null);
  const [playing, setPlaying] = useState(false);
  const [at, setAt] = useState(0);
  const [speed, setSpeed] = useState(1);
  const duration = file.duration ?? 0;
  const wave = useMemo(() => bars(file.waveform ?? [], 48), [file.waveform]);
  useEffect(() => {
    if (audio.current) audio.current.playbackRate = speed;
  }, [speed, url]);
  const toggle = async (): Promise<void> => {
    if (!url) {
      setUrl(await app.media.url(file));
      setPlaying(true);
    } else if (playing) audio.current?.pause();
    else void audio.current?.play();
  };
  return (
    <div className="card voice">
      <button
        type="button"
        className="send round"
        aria-label={playing ? t("voice.pause") : t("voice.play", { length: length(duration) })}
        onClick={() => void toggle()}
      >
        <Icon name={playing ? "pause" : "play"} />
      </button>
      <span className="wave" aria-hidden="true">
        {wave.map((each, index) => (
          <span
            key={index}
            className={index / wave.length < at / (duration || 1) ? "on" : ""}
            style={{ height: `${20 + each * 80}%` }}
          />
        ))}
      </span>
      <span className="num t13 muted">
        {length(at)} / {length(duration)}
      </span>
      <button
        type="button"
        className="t12 strong muted"
        aria-label={t("voice.speed", { speed })}
        onClick={() => setSpeed(speed === 1 ? 1.5 : speed === 1.5 ? 2 : 1)}
      >
        ×{speed}
      </button>
      {url && (
        <audio
          ref={audio}
          src={url}
          autoPlay
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onEnded={() => {
            setPlaying(false);
            setAt(0);
          }}
          onTimeUpdate={(event) => setAt(event.currentTarget.currentTime * 1000)}
        >
          <track kind="captions" />
        </audio>
      )}
    </div>
  );
}

function bars(waveform: number[], count: number): number[] {
  if (!waveform.length) return Array.from({ length: count }, () => 0.15);
  const most = Math.max(...waveform, 1);
  return Array.from({ length: count }, (_, index) => (waveform[Math.floor((index * waveform.length) / count)] ?? 0) / most);
}
