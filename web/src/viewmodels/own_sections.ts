/** Sections of one's own: made, named, put in order, taken away. */

import type { OwnSection } from "../matrix/room_order";
import type { RoomSummary } from "../matrix/types";
import { ownSections } from "./list_sections";
import type { RoomActs } from "./room_acts";
import type { RoomListViewModel } from "./room_list";
import { plainly } from "./words";

/** The specification lets a tag have 255 bytes. */
export const LONGEST = 60;

export class OwnSections {
  constructor(
    private readonly list: Pick<RoomListViewModel, "arrangement" | "snapshot">,
    private readonly acts: RoomActs,
  ) {}

  /** The order as it is shown, with those that another client has made. */
  private get all(): OwnSection[] {
    const { sections } = this.list.snapshot();
    return ownSections(
      sections.flatMap((each) => each.rooms),
      this.list.arrangement.chosen.sections,
    );
  }

  /** Why a name cannot be taken. */
  problemOf(name: string, tag: string | null): "empty" | "taken" | null {
    if (!name.trim()) return "empty";
    const same = this.all.some((each) => each.tag !== tag && plainly(each.name) === plainly(name.trim()));
    return same ? "taken" : null;
  }

  /** Makes a section, and puts a room into it. */
  readonly add = async (name: string, room: RoomSummary | null): Promise<void> => {
    const title = name.trim().slice(0, LONGEST);
    const section = { tag: this.freeTag(title), name: title };
    const before = this.all;
    await this.acts.act(
      () => this.change([...before, section]),
      "list.done.sectionMade",
      { name: title },
      room ? null : () => this.change(before),
    );
    if (room) await this.acts.put(room, section.tag, title);
  };

  readonly rename = (tag: string, name: string): Promise<void> => {
    const before = this.all;
    const title = name.trim().slice(0, LONGEST);
    return this.acts.act(
      () => this.change(before.map((each) => (each.tag === tag ? { ...each, name: title } : each))),
      "list.done.sectionNamed",
      { name: title },
      () => this.change(before),
    );
  };

  readonly sort = (tag: string, byTime: boolean): Promise<void> => {
    const before = this.all;
    const name = before.find((each) => each.tag === tag)?.name ?? "";
    return this.acts.act(
      () => this.change(before.map((each) => (each.tag === tag ? { ...each, byTime } : each))),
      byTime ? "list.done.byTime" : "list.done.byChoice",
      { name },
      () => this.change(before),
    );
  };

  readonly move = (tag: string, by: 1 | -1): Promise<void> => {
    const before = this.all;
    const at = before.findIndex((each) => each.tag === tag);
    if (at < 0 || !before[at + by]) return Promise.resolve();
    const after = [...before];
    [after[at], after[at + by]] = [after[at + by], after[at]];
    return this.acts.act(
      () => this.change(after),
      "list.done.sectionMoved",
      { name: before[at].name },
      () => this.change(before),
    );
  };

  /** Takes a section away: its rooms are then among the recent ones. */
  readonly remove = (tag: string): Promise<void> => {
    const before = this.all;
    const found = this.list.snapshot().sections.find((each) => each.name === tag);
    const rooms = found?.rooms ?? [];
    const name = before.find((each) => each.tag === tag)?.name ?? "";
    const { arrangement } = this.list;
    return this.acts.act(
      async () => {
        await arrangement.place(rooms.map(({ id }) => ({ id, spot: { tag: null, order: null } })));
        await this.change(before.filter((each) => each.tag !== tag));
      },
      "list.done.sectionGone",
      { name },
      async () => {
        await this.change(before);
        await arrangement.place(rooms.map(({ id, order }) => ({ id, spot: { tag, order } })));
      },
    );
  };

  private change(sections: OwnSection[]): Promise<void> {
    return this.list.arrangement.choose((before) => ({ ...before, sections }));
  }

  /** A tag that says the name to other clients too. */
  private freeTag(name: string): string {
    const taken = new Set(this.all.map((each) => each.tag));
    let tag = `u.${name}`;
    for (let number = 2; taken.has(tag); number++) tag = `u.${name} ${number}`;
    return tag;
  }
}
