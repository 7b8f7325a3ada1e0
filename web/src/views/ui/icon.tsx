import { ICONS, type IconName } from "../icons";

/** Decoration: what it means is always said in words as well. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
      // our own drawings
      dangerouslySetInnerHTML={{ __html: ICONS[name] }}
    />
  );
}
