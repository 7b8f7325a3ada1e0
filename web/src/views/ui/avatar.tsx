import { useApp, useLater } from "../use";

interface Props {
  id: string;
  name: string;
  picture: string | null;
  size?: number;
  square?: boolean;
  corner?: React.ReactNode;
  /** Whether somebody is there: a shape over the picture. */
  dot?: React.ReactNode;
}

/** A person is round, a room is square. The name is beside it: the picture says nothing more. */
export function Avatar({ id, name, picture, size = 36, square = false, corner, dot }: Props) {
  return (
    <span
      className={square ? "av sq" : "av"}
      style={{ "--z": `${size / 16}rem`, "--h": `var(--hue-${hue(id)})` } as React.CSSProperties}
      aria-hidden="true"
    >
      {picture ? <Picture mxc={picture} size={size} name={name} /> : initials(name)}
      {corner && <span className="corner">{corner}</span>}
      {dot}
    </span>
  );
}

function Picture({ mxc, size, name }: { mxc: string; size: number; name: string }) {
  const app = useApp();
  const url = useLater(() => app.media.picture(mxc, size > 48 ? 192 : 96), mxc);
  return url ? <img className="avp" src={url} alt="" /> : initials(name);
}

export function initials(name: string): string {
  const words = name
    .replace(/^[@#!]|[[(].*$/g, "")
    .split(/[\s–—-]+/)
    .filter((each) => /^[\p{L}\p{N}]/u.test(each));
  const chosen = words.length > 1 ? [words[0], words[1]] : words;
  return (
    chosen
      .map((each) => [...each][0])
      .join("")
      .toUpperCase() || "?"
  );
}

export function hue(id: string): number {
  let sum = 2166136261;
  for (const each of id) sum = Math.imul(sum ^ each.codePointAt(0)!, 16777619) >>> 0;
  return (sum >>> 13) % 8;
}
