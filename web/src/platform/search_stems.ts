/** What words are found by: themselves, other spellings, and stems; as `matrix/search_lexemes.py` has it. */

import { stemmer as english } from "@orama/stemmers/english";
import { stemmer as french } from "@orama/stemmers/french";
import { stemmer as german } from "@orama/stemmers/german";
import { stemmer as greek } from "@orama/stemmers/greek";
import { stemmer as russian } from "@orama/stemmers/russian";
import { fold, runOf, split, type Words } from "./search_words";

const STOP = new Set(
  `a ai as au aux avec c ce ces cet cette d dans de des du elle elles en es est et eux il ils j je l la le les leur leurs lui m ma
  mais me mes n ne nos notre nous on ont ou par pas pour qu que qui s sa se ses si son sont sur t ta te tes toi ton tu un une vos
  votre vous y
  an and are at be but by for from has have i in is it its no not of or our that the their they this to was we were what which
  will with you your
  als am auf aus bei bin das dass dem den der die ein eine einem einen einer eines er fur hat ich ihr im ist kein mit nach nicht
  oder sich sie sind uber um und uns vom von vor war wie wir zu zum zur`.split(/\s+/),
);
const QUOTED = /(?<![\p{L}\p{N}])"([^"]+)"(?![\p{L}\p{N}])|“([^“”]+)”|«([^«»]+)»/gu;
const ARABIC_BEFORE = ["وال", "بال", "كال", "فال", "ال", "لل"];
const ARABIC_AFTER = ["ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي"];
const HEBREW_AFTER = ["ים", "ות"];
const KEPT = 50_000;

/** What a text is found by, with spaces between. */
export function lexemesOf(text: string): string {
  const found = new Set<string>();
  for (const each of split(text)) {
    for (const forms of each.words) for (const lexeme of each.isRun ? forms : lexemes(forms)) found.add(lexeme);
    if (each.joined) for (const lexeme of lexemes([each.joined])) found.add(lexeme);
  }
  return ` ${[...found].join(" ")} `;
}

/** Whether a text has what is looked for: all words but those that say nothing, or words that begin so; quotes as they stand. */
export function query(term: string): ((text: string, lexemes: string) => boolean) | null {
  const asked: Words[] = [];
  const phrases: string[][][] = [];
  const rest = term.replace(QUOTED, (_, ...groups: Array<string | undefined>) => {
    const found = split(groups.slice(0, 3).find((each) => each !== undefined) ?? "");
    asked.push(...found);
    phrases.push(found.flatMap((each) => wordsOf(each).map((forms) => (each.isRun ? forms : lexemes(forms)))));
    return " ";
  });
  const loose = split(rest);
  const telling = loose.filter((each) => !saysNothing(each));
  asked.push(...(telling.length || phrases.length ? telling : loose));
  if (!asked.length) return null;
  return (text, known) => asked.every((each) => has(each, text, known)) && phrases.every((each) => stands(each, text));
}

function has(each: Words, text: string, known: string): boolean {
  if (each.isRun)
    return (
      wordsOf(each).every(([pair]) => known.includes(` ${pair}`)) && (each.words.length < 3 || fold(text).includes(runOf(each)))
    );
  const one = (forms: string[]): boolean =>
    forms.some((form) => known.includes(` ${form}`)) || lexemes(forms).some((lexeme) => known.includes(` ${lexeme} `));
  return each.words.every(one) || (each.joined !== null && one([each.joined]));
}

/** Whether words stand in a text one after the other. */
function stands(phrase: string[][], text: string): boolean {
  const places = split(text).flatMap((each) => each.words.map((forms) => (each.isRun ? forms : lexemes(forms))));
  return places.some((_, at) => phrase.every((words, after) => words.some((word) => places[at + after]?.includes(word))));
}

const wordsOf = (each: Words): string[][] => (each.isRun && each.words.length > 1 ? each.words.slice(0, -1) : each.words);
const saysNothing = (each: Words): boolean => !each.isRun && each.words.every(([word]) => STOP.has(word));

const remembered = new Map<string, string[]>();

function lexemes(forms: string[]): string[] {
  const key = forms.join(" ");
  let found = remembered.get(key);
  if (!found) {
    found = [...new Set([...forms, ...forms.flatMap(stems)])];
    if (remembered.size >= KEPT) remembered.clear();
    remembered.set(key, found);
  }
  return found;
}

function stems(word: string): string[] {
  if ([...word].length < 3) return [];
  if (/^[a-z\u00df-\u024f\u1e00-\u1eff]/.test(word)) {
    const found = [french(word), english(word), german(word)];
    if (/ees?$/.test(word)) found.push(french(word.replace(/es?$/, ""))); // a participle, without its accent
    if (word.length > 3 && /(?:us|is|oux)$/.test(word)) found.push(word.slice(0, -1)); // plurals that no stemmer takes for such
    return found;
  }
  if (/^[\u0370-\u03ff]/.test(word)) return [greek(word)];
  if (/^[\u0400-\u052f]/.test(word)) return [russian(word)];
  if (/^[\u0600-\u06ff]/.test(word)) return [without(word, ARABIC_BEFORE, ARABIC_AFTER)];
  if (/^[\u0590-\u05ff]/.test(word)) {
    const found = [without(word, [], HEBREW_AFTER)];
    if (word.length > 3 && /^[הובלכמש]/.test(word)) found.push(word.slice(1), without(word.slice(1), [], HEBREW_AFTER));
    return found;
  }
  if (/^[\u0900-\u097f]/.test(word)) {
    const stem = word.replace(/[\u0902\u093e-\u094c]+$/, "");
    return [stem.length > 1 ? stem : word];
  }
  return [];
}

/** A word without what is written together with it, where at least three letters are left. */
function without(word: string, before: string[], after: string[]): string {
  const first = before.find((part) => word.startsWith(part) && word.length - part.length >= 3) ?? "";
  const rest = word.slice(first.length);
  const last = after.find((part) => rest.endsWith(part) && rest.length - part.length >= 3) ?? "";
  return rest.slice(0, rest.length - last.length);
}
