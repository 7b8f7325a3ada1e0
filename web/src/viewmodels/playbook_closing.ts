/** The end of a playbook: a record is made and sealed, the room says with what; later it is seen whether a record is that one. */

import type { Playbook } from "../matrix/playbooks";
import type { SignedIn, SomeConversation } from "../matrix/signed_in";
import { clock as browser, type Clock } from "../platform/clock";
import { check, type Facts, LARGEST_FILE, sealed, type Verdict, verdictOf } from "./playbook_record";
import { ActingViewModel, type Doing, IDLE } from "./view_model";

interface State extends Doing {
  /** Of the file that was given to be checked; `at`: which event was changed. */
  verdict: { is: Verdict; at: number | null; made: Facts | null } | null;
}

/** What people read: of the plan, by whom it was made, when. */
export type PageOf = (book: Playbook, made: { by: string; at: number; isClosing: boolean }) => string;

export class PlaybookClosing extends ActingViewModel<State> {
  constructor(
    private readonly matrix: Pick<SignedIn, "userId">,
    private readonly conversation: Pick<SomeConversation, "playbooks" | "id" | "nameOf">,
    readonly eventId: string,
    clock: Clock = browser,
  ) {
    super({ ...IDLE, verdict: null }, clock);
  }

  /** Whether something of one's own is still on its way: a record would be without it. */
  readonly waits = (book: Playbook): boolean => book.log.some((each) => each.mine && !each.id.startsWith("$"));

  /** A record of how it stands. Null where the server could not be asked for all of it. */
  readonly copy = async (page: PageOf): Promise<string | null> => (await this.made(page, null)) ?? null;

  /** The same, and the end. `body`: what the room says, with the digest. */
  readonly end = (page: PageOf, body: (digest: string) => string): Promise<string | null> => this.made(page, body);

  readonly reopen = (body: string): Promise<boolean> =>
    this.act(() => this.conversation.playbooks.act(this.eventId, { kind: "reopen" }, body));

  private async made(page: PageOf, body: ((digest: string) => string) | null): Promise<string | null> {
    const { playbooks, id, nameOf } = this.conversation;
    let made: string | null = null;
    await this.act(async () => {
      await playbooks.load(this.eventId);
      const book = playbooks.read(this.eventId);
      if (!book) throw new Error("not a playbook any more");
      const [by, at] = [nameOf.call(this.conversation, this.matrix.userId), this.scope.clock.now()];
      const facts: Facts = { room: id, playbook: this.eventId, title: book.title, by, at };
      const written = page(book, { by, at, isClosing: body !== null });
      const { file, seal } = await sealed(facts, playbooks.record(this.eventId), written);
      if (body) await playbooks.act(this.eventId, { kind: "close", seal }, body(seal.digest));
      made = file;
    });
    return made;
  }

  readonly verify = (file: { size: number; text: () => Promise<string> }): Promise<boolean> =>
    this.act(async () => {
      this.set({ verdict: null });
      const found = file.size > LARGEST_FILE ? { is: "none" as const } : await check(await file.text());
      const seals = this.conversation.playbooks.read(this.eventId)?.seals ?? [];
      const at = found.is === "changed" ? found.at : null;
      this.set({ verdict: { is: verdictOf(found, this.eventId, seals), at, made: found.is === "whole" ? found.facts : null } });
    });

  readonly forget = (): void => this.set({ verdict: null });
}
