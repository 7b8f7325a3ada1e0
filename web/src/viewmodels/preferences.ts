/** Choices of a person about this browser (appearance) and about the account everywhere (receipts, typing). */

import { ViewModel } from "./view_model";

export interface Choices {
  theme: "system" | "light" | "dark";
  contrast: "system" | "more";
  density: "comfortable" | "compact";
  textSize: number;
  motion: "system" | "reduce";
  language: "fr" | "en";
  sendTyping: boolean;
  privateReceipts: boolean;
  linkPreviews: boolean;
  enterSends: boolean;
  /** Formatting is seen while writing, instead of markdown's signs. */
  richText: boolean;
  /** Pictures leave smaller than they were taken. */
  reduceImages: boolean;
  sounds: boolean;
  desktopNotifications: boolean;
  /** How often each emoji was chosen lately. */
  emojiUsed: Readonly<Record<string, number>>;
}

const KEY = "chappe.appearance";

export const DEFAULTS: Choices = {
  theme: "system",
  contrast: "system",
  density: "comfortable",
  textSize: 100,
  motion: "system",
  language: "fr",
  sendTyping: true,
  privateReceipts: false,
  linkPreviews: true,
  enterSends: true,
  richText: false,
  reduceImages: false,
  sounds: true,
  desktopNotifications: false,
  emojiUsed: {},
};

export class Preferences extends ViewModel<Choices> {
  /** `storage`: where this browser keeps small things. */
  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem">,
    language: "fr" | "en",
  ) {
    super({ ...DEFAULTS, language, ...read(storage) });
  }

  readonly choose = (change: Partial<Choices>): void => {
    this.set(change);
    this.storage.setItem(KEY, JSON.stringify(this.snapshot()));
  };
}

function read(storage: Pick<Storage, "getItem">): Partial<Choices> {
  try {
    return JSON.parse(storage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}
