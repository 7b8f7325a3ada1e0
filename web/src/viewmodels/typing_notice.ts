/** That somebody writes, told to the others: soon after the first letter, at most every fifteen seconds, never for a command. */

import type { Scope, Timer } from "../platform/scope";

const AGAIN_AFTER = 15_000;
/** The letter is drawn before anybody is told of it. */
const TELL_AFTER = 200;

export class TypingNotice {
  private toldAt = 0;
  private text = "";
  private readonly telling: Timer;

  constructor(
    private readonly scope: Scope,
    private readonly isWished: () => boolean,
    private readonly tell: (isTyping: boolean) => void,
  ) {
    this.telling = scope.timer();
  }

  wrote(text: string): void {
    this.text = text;
    if (!this.telling.isSet && this.isNews()) this.telling.set(TELL_AFTER, () => this.look());
  }

  /** It was sent, or taken back. */
  over(): void {
    this.telling.clear();
    this.toldAt = 0;
    this.tell(false);
  }

  private get isTyping(): boolean {
    return this.text.trim() !== "" && !this.text.startsWith("/");
  }

  private isNews(): boolean {
    if (!this.isWished()) return false;
    return this.isTyping ? this.scope.clock.now() - this.toldAt >= AGAIN_AFTER : this.toldAt !== 0;
  }

  private look(): void {
    if (!this.isNews()) return;
    const { isTyping } = this;
    this.toldAt = isTyping ? this.scope.clock.now() : 0;
    this.tell(isTyping);
  }
}
