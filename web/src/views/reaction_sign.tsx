import type { Reaction } from "../matrix/types";
import { useApp, useLater } from "./use";

/** What a reaction is called: an emoji by itself, an emoji of one's own by its name. */
export const reactionName = ({ key, name }: Pick<Reaction, "key" | "name">): string =>
  key.startsWith("mxc://") ? (name ?? ":…:") : key;

/** An emoji; the picture of an emoji of one's own, or its name where the picture cannot be had. */
export function ReactionSign({ reaction }: { reaction: Reaction }) {
  return (
    <span className="e" aria-hidden="true">
      {reaction.key.startsWith("mxc://") ? <Picture reaction={reaction} /> : reaction.key}
    </span>
  );
}

function Picture({ reaction }: { reaction: Reaction }) {
  const app = useApp();
  const url = useLater(() => app.media.picture(reaction.key, 48), reaction.key);
  return url ? <img src={url} alt="" height="18" /> : reactionName(reaction);
}
