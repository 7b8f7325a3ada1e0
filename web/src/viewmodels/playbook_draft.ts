/** A playbook that is being prepared: from a model, one of one's own among them, or as it is written. */

import { type Explanation, explain } from "../matrix/errors";
import type { PlannedStep } from "../matrix/playbook_merge";
import type { PlaybookModel } from "../matrix/playbook_models";
import type { Playbook } from "../matrix/playbooks";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import { clock as browser, type Clock } from "../platform/clock";
import { missingOf, stepsOf, textOf } from "./playbook_text";
import { ActingViewModel, type Doing, IDLE, ViewModel } from "./view_model";

/** Models of one's own. */
export const MOST_MODELS = 20;

interface Draft extends Doing {
  /** By name; of one's own: its id. */
  model: string | null;
  title: string;
  text: string;
  own: PlaybookModel[];
  /** This device does not open them. */
  isLocked: boolean;
  /** What was done with a model, to be said. */
  done: "kept" | "removed" | null;
}

const TOO_MANY = { errcode: "too many models" };

/** Why one is not kept, in words for models. */
function explained(error: unknown): Explanation {
  if (error === TOO_MANY) return { key: "playbook.models.many", values: { most: MOST_MODELS } };
  const { errcode } = error as { errcode?: string };
  if (errcode === "ORG_CHAPPE_UNCONFIRMED") return { key: "playbook.models.unconfirmed", values: {} };
  return errcode === "M_TOO_LARGE" ? { key: "playbook.models.full", values: {} } : explain(error);
}

export class PlaybookDraftViewModel extends ActingViewModel<Draft> {
  constructor(
    private readonly matrix: Pick<SignedIn, "playbookModels">,
    private readonly conversation: Pick<SomeConversation, "playbooks" | "settings" | "details">,
    clock: Clock = browser,
    private readonly newId: () => string = () => crypto.randomUUID(),
  ) {
    super({ ...IDLE, model: null, title: "", text: "", own: [], isLocked: false, done: null }, clock);
    this.scope.owns(matrix.playbookModels.changed.listen(() => this.look()));
    this.look();
    void matrix.playbookModels.begin();
  }

  private look(): void {
    const { playbookModels } = this.matrix;
    this.set({ own: playbookModels.list(), isLocked: playbookModels.isLocked });
  }

  readonly choose = (model: string, title: string, text: string): void =>
    this.set({ model, title, text, done: null, problem: null });
  readonly setTitle = (title: string): void => this.set({ title, done: null });
  readonly setText = (text: string): void => this.set({ text, done: null });

  missing(): string | null {
    return this.now.model === null ? "playbook.missing.model" : missingOf(this.now.title, this.now.text);
  }

  /** The one of one's own that is chosen. */
  chosen(): PlaybookModel | null {
    return this.now.own.find((each) => each.id === this.now.model) ?? null;
  }

  /** Keeps what is written, in the place of the one that is chosen (`anew`: beside it). */
  readonly keep = async (anew: boolean): Promise<boolean> => {
    const { own, title, text } = this.now;
    if (this.missing()) return false;
    const old = anew ? null : this.chosen();
    if (!old && own.length >= MOST_MODELS) {
      this.set({ problem: explained(TOO_MANY) });
      return false;
    }
    const id = old?.id ?? this.newId();
    return this.change(() => this.matrix.playbookModels.put({ id, title: title.trim(), text: text.trim() }), {
      model: id,
      done: "kept",
    });
  };

  /** What is written stays: it is a plan of its own then. */
  readonly remove = async (): Promise<boolean> => {
    const old = this.chosen();
    if (!old) return false;
    return this.change(() => this.matrix.playbookModels.remove(old.id), { model: "own", done: "removed" });
  };

  private async change(how: () => Promise<void>, after: Partial<Draft>): Promise<boolean> {
    if (this.now.busy) return false;
    this.set({ busy: true, problem: null, done: null });
    try {
      await how();
      this.look();
      this.set({ ...after, busy: false });
      return true;
    } catch (error) {
      this.set({ busy: false, problem: explained(error) });
      return false;
    }
  }

  /** Resolves its id; null where it was not begun. It is pinned where one may, so that whoever comes later finds it. */
  readonly start = async (words: (title: string, steps: PlannedStep[]) => string): Promise<string | null> => {
    if (this.missing()) return null;
    const title = this.now.title.trim();
    const steps = stepsOf(this.now.text, this.scope.clock.now());
    let id: string | null = null;
    await this.act(async () => {
      id = await this.conversation.playbooks.start({ title, steps, body: words(title, steps) });
      if (this.conversation.details().may.pin) await this.conversation.settings.pin(id, true).catch(() => {});
    });
    return id;
  };
}

/** A plan that is under way, or over, as a model of one's own. */
export class PlaybookModelKeeper extends ViewModel<Doing> {
  constructor(
    private readonly matrix: Pick<SignedIn, "playbookModels">,
    _conversation: SomeConversation,
    private readonly newId: () => string = () => crypto.randomUUID(),
  ) {
    super(IDLE);
  }

  readonly keep = async (book: Pick<Playbook, "title" | "steps" | "log">): Promise<boolean> => {
    const { playbookModels } = this.matrix;
    if (this.now.busy) return false;
    this.set({ busy: true, problem: null });
    try {
      await playbookModels.begin();
      if (playbookModels.list().length >= MOST_MODELS) throw TOO_MANY;
      const text = textOf(book.steps, book.log[0]?.ts ?? 0);
      await playbookModels.put({ id: this.newId(), title: book.title, text });
      this.set({ busy: false });
      return true;
    } catch (error) {
      this.set({ busy: false, problem: explained(error) });
      return false;
    }
  };
}
