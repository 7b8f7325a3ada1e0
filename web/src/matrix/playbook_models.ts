/** Models of playbooks that are somebody's own: a sealed list in the account's own data. */

import type { MatrixClient } from "matrix-js-sdk";
import type { Signal } from "../platform/signal";
import { SealedList } from "./sealed_list";

/** `text`: its steps, one a line, as they are written where one begins a plan. */
export interface PlaybookModel {
  id: string;
  title: string;
  text: string;
}

export class PlaybookModels {
  private readonly kept: SealedList<PlaybookModel>;

  constructor(client: MatrixClient) {
    this.kept = new SealedList(client, "org.chappe.playbook.models");
  }

  get changed(): Signal {
    return this.kept.changed;
  }

  begin(): Promise<void> {
    return this.kept.begin();
  }

  /** This device cannot open them: it is not confirmed. */
  get isLocked(): boolean {
    return this.kept.isLocked;
  }

  list(): PlaybookModel[] {
    return this.kept
      .list()
      .filter((each) => typeof each?.id === "string" && typeof each.title === "string" && typeof each.text === "string");
  }

  /** Keeps one, or what has changed of it: the one that was kept last is first. */
  put(model: PlaybookModel): Promise<void> {
    return this.kept.change((all) => [model, ...all.filter((each) => each.id !== model.id)]);
  }

  remove(id: string): Promise<void> {
    return this.kept.change((all) => all.filter((each) => each.id !== id));
  }
}
