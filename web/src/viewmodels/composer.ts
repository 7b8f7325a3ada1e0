/** The field to say something: text with its drafts, commands and warnings, an answer, an edit, what is sent later. */

import { type Explanation, explain } from "../matrix/errors";
import { allowsFile } from "../matrix/file_types";
import type { SomeConversation } from "../matrix/signed_in";
import type { Item, Outgoing } from "../matrix/types";
import { clock as browser, type Clock } from "../platform/clock";
import type { PreparedFile } from "../platform/prepared_file";
import { Source, type Stream } from "../platform/stream";
import { commandOf } from "./commands";
import { beginning, type ComposerState, lookOf, NONE } from "./composer_state";
import { composeNow, loadMarkdown } from "./composing";
import type { Drafts } from "./drafts";
import { namedByLinks, namedIn, toldBy } from "./named_people";
import { MOST_NAMED, type Service, servicesBy, servicesIn, servicesOf } from "./services";
import { completed, type Sources, type Suggestion, suggestionsFor } from "./suggestions";
import { type TrayNeeds, TrayViewModel } from "./tray";
import { TypingNotice } from "./typing_notice";
import { UploadsViewModel } from "./uploads";
import { ViewModel } from "./view_model";
import { type Mention, readCommand, wanted, worryAbout, wrapped } from "./words";

/** A paste longer than this is offered as a file. */
export const LARGE_PASTE = 4000;

export interface ComposerNeeds extends Sources, Omit<TrayNeeds, "trays"> {
  conversation: Pick<SomeConversation, "id" | "send" | "outgoing" | "setTyping" | "scheduled" | "members" | "settings">;
  drafts: Pick<Drafts, "of" | "keep" | "filesOf" | "keepFiles">;
  lastOwn: () => Item | null;
  sendTyping: () => boolean;
  openPoll: () => void;
  left: () => void;
}

const tooMany = ({ mentions }: Outgoing): Explanation => ({
  key: "composer.tooManyNamed",
  values: { named: mentions.length, most: MOST_NAMED },
});

/** Files leave without a word; they may answer one. */
const nothing = (): Outgoing => ({ body: "", html: null, mentions: [], mentionsRoom: false });

export class ComposerViewModel extends ViewModel<ComposerState> {
  private mentions: Mention[] = [];
  private services: Service[] = [];
  private readonly written: Source<string>;
  private readonly notice: TypingNotice;
  private waiting = false;
  private asked = 0;
  readonly tray: TrayViewModel;
  readonly uploads: UploadsViewModel;

  constructor(
    private readonly needs: ComposerNeeds,
    readonly threadId: string | null,
    clock: Clock = browser,
  ) {
    const text = needs.drafts.of(needs.conversation.id, threadId);
    super(beginning(text), clock);
    this.written = new Source(text);
    this.notice = new TypingNotice(this.scope, needs.sendTyping, (is) => needs.conversation.setTyping(is));
    this.tray = new TrayViewModel({ ...needs, trays: needs.drafts }, threadId);
    this.scope.owns(() => this.tray.close());
    this.uploads = new UploadsViewModel(needs.conversation, threadId);
    this.scope.owns(() => this.uploads.close());
    void this.lookScheduled();
    this.recall();
    loadMarkdown().catch(() => {}); // at hand before something is sent
  }

  /** What is written. Only the field follows it: a letter moves nothing else. */
  get text(): Stream<string> {
    return this.written;
  }

  private write(text: string, change: Partial<ComposerState> = {}): void {
    this.written.set(text);
    this.set({ ...change, ...lookOf(text) });
  }

  /** `before`: what stands before the caret, as the person sees it. */
  readonly type = (text: string, before: string): void => {
    this.write(text, { problem: null, worry: null });
    if (!this.now.editing) this.needs.drafts.keep(this.needs.conversation.id, this.threadId, text);
    this.notice.wrote(text);
    void this.suggest(before);
  };

  private async suggest(before: string): Promise<void> {
    const turn = ++this.asked;
    const found = wanted(before) ? await suggestionsFor(before, this.needs) : [];
    const suggestions = found.length ? found : NONE;
    if (turn !== this.asked) return;
    const [first] = suggestions;
    if (first?.kind === "named") this.set({ suggestions: NONE, named: { emoji: first.emoji } });
    else this.set({ suggestions, chosen: 0 });
  }

  readonly move = (by: number): void => {
    const { suggestions, chosen } = this.now;
    if (suggestions.length) this.set({ chosen: (chosen + by + suggestions.length) % suggestions.length });
  };

  readonly hideSuggestions = (): void => this.set({ suggestions: NONE });

  /** What a suggestion puts in the place of the word that asked for it. */
  readonly completion = (suggestion: Suggestion): string => {
    this.asked++; // what is still being looked for is no longer wanted
    this.set({ suggestions: NONE });
    if (suggestion.kind === "person")
      this.mentions = [...this.mentions, { id: suggestion.person.id, name: suggestion.person.name }];
    if (suggestion.kind === "service") this.callServices([suggestion.service]);
    return completed(suggestion);
  };

  /** A draft knows names only: who is found by theirs before it is sent is named. */
  private recall(): void {
    const { value: text } = this.written;
    const found = (all: Awaited<ReturnType<Sources["people"]>>): void => {
      this.mentions = [...this.mentions, ...namedIn(text, all)];
      this.callServices(servicesIn(text, servicesOf(all)));
    };
    if (text.includes("@")) void this.needs.people().then(found, () => {});
  }

  /** Who is of a service now takes the place of who was when it was chosen before. */
  private callServices(called: Service[]): void {
    this.services = [...this.services.filter((each) => !called.some((other) => other.name === each.name)), ...called];
  }

  readonly insert = (text: string, from: number, to: number): void => {
    const before = this.written.value.slice(0, from) + text;
    this.put(before + this.written.value.slice(to), before.length);
    void this.suggest(before);
  };

  /** Puts signs around what is selected, or takes them away. */
  readonly wrap = (mark: string, from: number, to: number): void => {
    const { text, caret } = wrapped(this.written.value, mark, from, to);
    this.put(text, caret);
  };

  private put(text: string, caret: number): void {
    this.write(text, { suggestions: NONE, caret: { at: caret, turn: this.now.caret.turn + 1 } });
    if (!this.now.editing) this.needs.drafts.keep(this.needs.conversation.id, this.threadId, text);
  }

  readonly reply = (item: Item): void =>
    this.set({ reply: item, editing: null, caret: { at: this.written.value.length, turn: this.now.caret.turn + 1 } });

  /** Answers a part of a message: it stands above what is written. */
  readonly quote = (item: Item, part: string): void => {
    const lines = part.split("\n").map((each) => `> ${each}`.trimEnd());
    const text = `${lines.join("\n")}\n\n${this.written.value}`;
    this.set({ reply: item, editing: null });
    this.put(text, text.length);
  };

  readonly edit = (item: Item): void => {
    if (item.content.type !== "text") return;
    const { body, html } = item.content;
    this.mentions = namedByLinks(html ?? "");
    this.services = servicesBy(item);
    this.write(body, { editing: item, reply: null, caret: { at: body.length, turn: this.now.caret.turn + 1 } });
  };

  readonly editLast = (): boolean => {
    const last = this.written.value === "" ? this.needs.lastOwn() : null;
    if (last) this.edit(last);
    return last !== null;
  };

  /** The innermost thing that can be left. Returns whether there was one. */
  readonly escape = (): boolean => {
    if (this.now.suggestions.length) this.hideSuggestions();
    else if (this.now.worry) this.set({ worry: null });
    else if (this.now.editing) {
      this.write(this.needs.drafts.of(this.needs.conversation.id, this.threadId), { editing: null });
      this.recall();
    } else if (this.now.reply) this.set({ reply: null });
    else return false;
    return true;
  };

  /** `sure`: the warning about secrets was read. `at`: later, in milliseconds. */
  readonly send = async (sure = false, at: number | null = null): Promise<void> => {
    const { reply, editing } = this.now;
    const { value: text } = this.written;
    const command = readCommand(text);
    if (command && !["me", "plain"].includes(command.name) && !editing) return this.run(command.name, command.rest);
    const compose = composeNow() ?? (await this.firstMarkdown());
    if (!compose) return;
    const { mentions, services } = this;
    const composed = (typed: string): Outgoing | null => compose(typed, mentions, { id: this.needs.conversation.id }, services);
    const files = at === null && !editing ? this.tray.count : 0;
    const message = composed(text.startsWith("//") ? text.slice(1) : text) ?? (files ? nothing() : null);
    if (!message) return;
    if (message.mentions.length > MOST_NAMED) return this.set({ problem: tooMany(message) });
    const said = files ? [message.body, ...this.tray.captions].join("\n") : message.body;
    const worry = this.isOpen() ? worryAbout(said) : null;
    if (worry && !sure) return this.set({ worry });
    if (reply) message.replyTo = reply.eventId;
    if (editing) Object.assign(message, { edits: editing.eventId, told: toldBy(editing) });
    if (reply && !reply.mine && !message.mentions.includes(reply.sender.id)) message.mentions.push(reply.sender.id);
    if (files) void this.tray.send(message, composed);
    this.clear();
    if (files) return;
    try {
      if (at !== null) {
        await this.needs.conversation.scheduled.add(message, this.threadId, at);
        await this.lookScheduled();
      } else await this.needs.conversation.send(message, this.threadId);
    } catch (error) {
      if (at !== null) this.write(text, { problem: explain(error) }); // a message that was not sent at once stays in the timeline, with "retry"
    }
  };

  /** What was recorded leaves at once: it was heard. */
  readonly sendRecorded = (file: PreparedFile): void => {
    if (allowsFile(this.needs.details()?.level ?? null, file.blob.type))
      this.needs.conversation.outgoing.add(this.threadId, file, null);
    else this.set({ problem: { key: "tray.not-allowed", values: {} } });
  };

  /** Rooms that others may enter later: forums and rooms open to guests. */
  private isOpen(): boolean {
    const kind = this.needs.details()?.kind;
    return kind === "forum" || kind === "guests";
  }

  private clear(): void {
    const had = this.now.editing !== null;
    this.mentions = [];
    this.services = [];
    this.notice.over();
    const text = had ? this.needs.drafts.of(this.needs.conversation.id, this.threadId) : "";
    this.write(text, { reply: null, editing: null, suggestions: NONE, worry: null, problem: null });
    if (had) this.recall();
    else this.needs.drafts.keep(this.needs.conversation.id, this.threadId, "");
  }

  /** Null when it cannot be had, or when this text waits for it already. */
  private async firstMarkdown(): Promise<ReturnType<typeof composeNow>> {
    if (this.waiting) return null;
    this.waiting = true;
    const compose = await loadMarkdown().catch((error) => {
      this.set({ problem: explain(error) });
      return null;
    });
    this.waiting = false;
    return compose;
  }

  private async run(name: string, rest: string): Promise<void> {
    const command = commandOf(name, rest, this.mentions, this.needs);
    if (!command) return this.set({ problem: { key: "composer.unknownCommand", values: { name } } });
    try {
      await command();
      this.clear();
    } catch (error) {
      this.set({ problem: explain(error) });
    }
  }

  readonly lookScheduled = async (): Promise<void> => {
    const scheduled = await this.needs.conversation.scheduled.list().catch(() => []);
    this.set({ scheduled });
  };

  readonly unschedule = async (id: string, now: boolean): Promise<void> => {
    await this.needs.conversation.scheduled.remove(id, now).catch((error) => this.set({ problem: explain(error) }));
    await this.lookScheduled();
  };

  /** Returns whether the text was kept aside, to be offered as a file. */
  readonly paste = (text: string): boolean => {
    if (text.length < LARGE_PASTE) return false;
    this.set({ pasted: text });
    return true;
  };

  readonly pasteAs = (as: "file" | "text", name: string): void => {
    const { pasted } = this.now;
    this.set({ pasted: null });
    if (pasted === null) return;
    if (as === "file") this.tray.add([new File([pasted], name, { type: "text/plain" })]);
    else this.put(this.written.value + pasted, this.written.value.length + pasted.length);
  };
}
