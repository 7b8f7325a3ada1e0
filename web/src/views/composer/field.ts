/** What the composer asks of the field that is typed in, be it plain or rich. */
export interface Field {
  focus: () => void;
  /** Puts text where the caret is. */
  insert: (text: string) => void;
  /** Puts text in the place of the word before the caret that asked for it. */
  complete: (text: string) => void;
}

export interface FieldProps {
  id: string;
  label: string;
  /** The suggestion that is chosen, if some are offered. */
  active: string | null;
  enterSends: boolean;
  /** It takes the place of the other field, which somebody was about to type in. */
  autoFocus: boolean;
  /** Returns whether the key was dealt with. */
  onKey: (event: KeyboardEvent) => boolean;
  /** Returns whether the paste was dealt with. */
  onPaste: (data: DataTransfer) => boolean;
}
