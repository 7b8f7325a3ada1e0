/** The words of a text, for finding it again: by the same rules as `matrix/search_words.py`, for what only we can read.
 *
 * A text is folded (no case, no accents, one sign for each kind of apostrophe, hyphen and digit) and split at what is no letter,
 * mark or digit. Words linked by an apostrophe, a hyphen or the dots of an acronym are found by their parts and as one word;
 * elided articles are no words; `agent·e·s` is each of its forms. Scripts without spaces are found by pairs of characters.
 */

/** Words that stand together: each with its forms, in their order; `joined`: written as one, where they are linked.
 * `isRun`: pairs of characters of a script without spaces, and the last one alone. */
export interface Words {
  words: string[][];
  joined: string | null;
  isRun: boolean;
}

const MAX_WORD = 100;
const USUAL = 40; // characters: what is longer is not worth being remembered
const KEPT = 20_000; // chunks of texts whose words are remembered

function each(characters: string, to: string): Array<[string, string]> {
  return [...characters].map((character) => [character, to]);
}

const SIGNS = new Map([
  ...each("’‘‛ʼʹʻ´`′＇׳״", "'"),
  ...each("‐‑‒–⁃−﹣－־\u200c", "-"),
  ...each("·•‧⋅∙", "·"),
  ...each("°ºª\u200b", " "),
]);
const NUMBER_SIGN = /(?<![\p{L}])[nN][°º]|№/gu;
// accents and points over and under letters of alphabets, with what is not seen; the vowel signs of Indian scripts stay
const DROPPED = new RegExp(
  "[\\u0300-\\u036f\\u0483-\\u0489\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7\\u0610-\\u061a\\u0640\\u064b-\\u065f" +
    "\\u0670\\u06d6-\\u06dc\\u06df-\\u06e8\\u06ea-\\u06ed\\u0730-\\u074a\\u093c\\u09bc\\u0a3c\\u0abc\\u1ab0-\\u1aff\\u1dc0-\\u1dff" +
    "\\u20d0-\\u20ff\\ufe00-\\ufe0f\\ufe20-\\ufe2f\\u00ad\\u200d-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff]+",
  "g",
);
const SPELT_IN_TWO_WAYS = /[aouAOU]\u0308|[aA]\u030a|[иИ]\u0306/g;
const LETTERS = new Map([
  ["ß", "ss"], ["æ", "ae"], ["œ", "oe"], ["ł", "l"], ["đ", "d"], ["ð", "d"], ["þ", "th"], ["ħ", "h"], ["ŧ", "t"], ["ı", "i"],
  ["ŋ", "n"], ["ĸ", "k"], ["ς", "σ"], ["ة", "ه"], ["ى", "ي"], ["ی", "ي"], ["ک", "ك"], ["ٱ", "ا"], ["\u0901", "\u0902"],
  ...[0x660, 0x6f0, 0x966, 0x9e6, 0xe50].flatMap((zero) =>
    [...Array(10).keys()].map((n): [string, string] => [String.fromCharCode(zero + n), `${n}`]),
  ),
] as Array<[string, string]>); // biome-ignore format: a table
const PLAIN: Record<string, string> = { ä: "a", ö: "o", ü: "u", ø: "o", å: "a" };
const SPELT: Record<string, string> = { ä: "ae", ö: "oe", ü: "ue", ø: "oe", å: "aa" };
const HEBREW_QUOTE = /(?<=[א-ת])"(?=[א-ת])/g;
const ACRONYM = /(?<![\p{L}\p{N}])(?:\p{L}\.){2,}(?![\p{L}\p{N}]{2})/gu;
const FEMININE = "e|ne|le|te|se|ve|sse|nne|lle|tte|rice|trice|euse|ere|esse|elle|ette|ive";
const BRACKETED = new RegExp(
  `(?<=\\p{L}\\p{L})(?:\\((?:${FEMININE})\\)s?|\\.(?:${FEMININE})(?:\\.?s)?)(?![\\p{L}\\p{N}]|\\.[\\p{L}\\p{N}])`,
  "gu",
);
const ENDINGS = new Set([...FEMININE.split("|").flatMap((ending) => [ending, `${ending}s`]), "s", "x"]);
const REPLACED: Record<string, string> = {
  rice: "eur", trice: "teur", euse: "eur", ere: "er", ve: "f", ive: "if", elle: "el", esse: "e",
}; // biome-ignore format: a table
const ELIDED = new Set(["l", "d", "j", "m", "n", "s", "t", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu"]);
const CHUNK = /[\p{L}\p{N}\p{M}]+(?:[-'·][\p{L}\p{N}\p{M}]+)*/gu;
const RAW = /[\p{L}\p{N}\p{M}]+/gu;
// Thai, Lao, Burmese, Khmer, Hangul, Chinese characters, kana
const UNSPACED = new RegExp(
  "[\\u0e00-\\u0eff\\u1000-\\u109f\\u1100-\\u11ff\\u1780-\\u17ff\\u2e80-\\u2fdf\\u3005-\\u3007\\u3031-\\u318f\\u31f0-\\u31ff" +
    "\\u3400-\\u9fff\\ua960-\\ua97f\\uac00-\\ud7ff\\uf900-\\ufaff\\u{20000}-\\u{3ffff}]+",
  "gu",
);
const UNIT = /.\p{M}{0,3}/gsu;
const BEYOND_ASCII = /[\u0080-\uffff]/;

/** For comparing what people type: no accents, no case, one sign where there are several. */
export const fold = (text: string): string => plain(folded(text));

/** The words of a text, in their order. */
export function split(text: string): Words[] {
  return (marked(folded(text)).match(CHUNK) ?? []).flatMap(known);
}

/** Where in a text the first word is that a term may have meant. */
export function placeOf(text: string, term: string): [from: number, to: number] | null {
  const first = split(term)[0];
  if (!first) return null;
  const root = first.isRun ? runOf(first) : (first.words[0]?.[0] ?? "");
  const short = first.isRun ? root : root.slice(0, Math.max(3, root.length - 2));
  for (const asked of [root, short]) {
    for (const found of text.matchAll(RAW)) {
      const word = fold(found[0]);
      if (first.isRun && word.includes(root) && found[0].length === word.length) {
        const from = found.index + word.indexOf(root);
        return [from, from + root.length];
      }
      if (word.startsWith(asked)) return [found.index, found.index + found[0].length];
    }
  }
  return null;
}

/** What pairs of characters were made of. */
export function runOf(run: Words): string {
  let unit = "";
  let text = "";
  for (const [pair] of [...run.words].reverse()) {
    unit = unit ? pair.slice(0, pair.length - unit.length) : pair;
    text = unit + text;
  }
  return text;
}

/** Without case and accents, but for the letters that can be spelt in two ways. */
function folded(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text.toLowerCase().replaceAll("`", "'");
  const numbers = text.replace(NUMBER_SIGN, "no ");
  const signs = numbers.replace(ANY_SIGN, (sign) => SIGNS.get(sign)!).normalize("NFKD");
  const kept = signs.replace(SPELT_IN_TWO_WAYS, (letter) => letter.normalize("NFC"));
  const letters = kept.replace(DROPPED, "").toLowerCase();
  return letters.replace(ANY_LETTER, (letter) => LETTERS.get(letter)!).normalize("NFC");
}

const anyOf = (table: Map<string, string>): RegExp => new RegExp(`[${[...table.keys()].join("")}]`, "g");
const ANY_SIGN = anyOf(SIGNS);
const ANY_LETTER = anyOf(LETTERS);

const plain = (text: string): string => text.replace(/[äöüøå]/g, (letter) => PLAIN[letter]);

/** With links where the parts of a word are not linked by a hyphen, an apostrophe or a middle dot. */
function marked(text: string): string {
  if (text.includes('"')) text = text.replace(HEBREW_QUOTE, "'");
  if (text.includes(".")) text = text.replace(ACRONYM, (found) => found.replaceAll(".", "-"));
  return text.includes(".") || text.includes("(") ? text.replace(BRACKETED, withDots) : text;
}

function withDots(found: string): string {
  const ending = found.replace(/[.()]/g, "");
  return ending.endsWith("s") && ".)".includes(found.at(-2)!) ? `·${ending.slice(0, -1)}·s` : `·${ending}`;
}

const remembered = new Map<string, Words[]>();

function known(chunk: string): Words[] {
  if (chunk.length > USUAL) return chunk.search(UNSPACED) < 0 ? ofChunk(chunk) : ofMixed(chunk);
  let found = remembered.get(chunk);
  if (!found) {
    found = chunk.search(UNSPACED) < 0 ? ofChunk(chunk) : ofMixed(chunk);
    if (remembered.size >= KEPT) remembered.clear();
    remembered.set(chunk, found);
  }
  return found;
}

/** A chunk in which there are characters of scripts without spaces. */
function ofMixed(chunk: string): Words[] {
  const found: Words[] = [];
  const between = (text: string): void => {
    const trimmed = text.replace(/^[-'·]+|[-'·]+$/g, "");
    if (trimmed) found.push(...ofChunk(trimmed));
  };
  let end = 0;
  for (const run of chunk.matchAll(UNSPACED)) {
    between(chunk.slice(end, run.index));
    const units = run[0].match(UNIT) ?? [];
    found.push({ words: units.map((unit, at) => [unit + (units[at + 1] ?? "")]), joined: null, isRun: true });
    end = run.index + run[0].length;
  }
  between(chunk.slice(end));
  return found;
}

function ofChunk(chunk: string): Words[] {
  const parts = chunk.split(/[-'·]/);
  const [base, ...others] = parts;
  if (!others.length) return [{ words: [forms(chunk)], joined: null, isRun: false }];
  if (base.length > 1 && isInclusive(chunk, others)) return [{ words: [inclusive(base, others)], joined: null, isRun: false }];
  const kept = ELIDED.has(base) && chunk[base.length] === "'" ? others : parts;
  return [{ words: kept.map(forms), joined: plain(parts.join("")).slice(0, MAX_WORD), isRun: false }];
}

function forms(word: string): string[] {
  const short = word.slice(0, MAX_WORD);
  const without = plain(short);
  return without === short ? [without] : [without, short.replace(/[äöüøå]/g, (letter) => SPELT[letter])];
}

/** `agent·e·s`, and `agent-e-s`; but `donne-le` is two words. */
function isInclusive(chunk: string, endings: string[]): boolean {
  if (chunk.includes("'") || !endings.every((ending) => ENDINGS.has(ending))) return false;
  return !chunk.includes("-") || endings[0] === "e" || (endings.length > 1 && endings.at(-1)!.endsWith("s"));
}

/** `agent·e·s`: agent, agente, agents, agentes. */
function inclusive(base: string, endings: string[]): string[] {
  const found = [base];
  for (const ending of endings) {
    const one = ending === "s" || ending === "x" ? "" : ending.replace(/s$/, "");
    const masculine = REPLACED[one] ?? "";
    if (one) found.push((masculine && base.endsWith(masculine) ? base.slice(0, -masculine.length) : base) + one);
  }
  if (endings.some((ending) => ending.endsWith("s"))) found.push(...found.map((form) => `${form}s`));
  return [...new Set(found.flatMap(forms))];
}
