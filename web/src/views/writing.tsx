/** Below a conversation or a thread: the field to say something, or what is done with the messages that are chosen. */

import type { RoomDetails } from "../matrix/types";
import type { ComposerViewModel } from "../viewmodels/composer";
import type { RoomViewModel } from "../viewmodels/room";
import type { TimelineViewModel } from "../viewmodels/timeline";
import { Composer } from "./composer/composer";
import { SelectionBar, useChoosing } from "./selection_bar";

interface Props {
  room: RoomViewModel;
  timeline: TimelineViewModel;
  composer: ComposerViewModel;
  details: RoomDetails;
  /** What there is instead of the field, for whoever may not write. */
  closed?: React.ReactNode;
}

export function Writing({ room, timeline, composer, details, closed = null }: Props) {
  const chosen = useChoosing(room, timeline);
  if (chosen) return <SelectionBar room={room} timeline={timeline} />;
  return details.may.send && !details.replacedBy ? <Composer model={composer} room={room} details={details} /> : closed;
}
