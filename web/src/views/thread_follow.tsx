import { useTranslation } from "react-i18next";
import type { ThreadHead } from "../viewmodels/thread_head";
import { Icon } from "./ui/icon";
import { useSnapshot } from "./use";

/** The bell of a thread: its new replies are told of, or not. */
export function Follow({ head }: { head: ThreadHead }) {
  const { t } = useTranslation();
  const { follows, thread } = useSnapshot(head);
  if (!thread) return null;
  return (
    <button
      type="button"
      className={follows ? "ib on" : "ib"}
      aria-label={t(follows ? "thread.unfollow" : "thread.follow")}
      onClick={() => void head.follow(!follows)}
    >
      <Icon name={follows ? "bell" : "muted"} />
    </button>
  );
}
