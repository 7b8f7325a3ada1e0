/** French texts whose signs stay on the line of their word: the files of words are written with plain spaces. */

const NO_BREAK = "\u00a0";

export const spaced = (french: string): string => french.replace(/ (?=[:;?!»%])/g, NO_BREAK).replace(/(?<=«) /g, NO_BREAK);

/** "de Anne" is "d’Anne": what a text says of somebody is left to the name. See `elided`. */
const DE = /\bde {{(\w+)}}/g;

/** A name after "de". */
export const elided = (name: unknown): string => {
  const text = String(name);
  return /^[aeiouyhœæ]/i.test(text.normalize("NFD")) ? `d’${text}` : `de ${text}`;
};

export function typeset<Texts extends Record<string, string>>(language: "fr" | "en", texts: Texts): Texts {
  if (language === "en") return texts;
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, spaced(text).replace(DE, "{{$1, de}}")])) as Texts;
}
