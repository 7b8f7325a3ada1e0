/** The record of a playbook as a document that is read, and printed, without Chappe. */

import type { TFunction } from "i18next";
import type { Playbook, PlaybookStep } from "../matrix/playbooks";
import { escaped } from "../platform/html";
import { counts } from "../viewmodels/playbooks";
import { moment } from "./format";
import { entryWords } from "./playbook_words";

const STYLE =
  "body{font:15px/1.5 system-ui,sans-serif;color:#1b2124;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.6rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .5rem;border-bottom:1px solid #ccd3d6;overflow-wrap:anywhere}th{font-size:.85rem;white-space:nowrap}td.t{white-space:nowrap;font-variant-numeric:tabular-nums}.m{color:#4b5659}.w{background:#fff3d6}code{overflow-wrap:anywhere;font-size:.85rem}footer{max-width:60rem;margin:1rem auto;padding:0 1rem}thead{display:table-header-group}tr{break-inside:avoid}@media print{body{margin:0;max-width:none}}";

interface Made {
  language: string;
  room: string;
  by: string;
  at: number;
  isClosing: boolean;
}

/** Up to the end of its body: what follows is the seal. */
export function recordPage(t: TFunction, book: Playbook, { language, room, by, at, isClosing }: Made): string {
  const { done, all } = counts(book.steps);
  const end = isClosing
    ? { name: by, time: moment(at) }
    : book.closed && { name: book.closed.by.name, time: moment(book.closed.ts) };
  const facts = [
    t("playbook.record.room", { room }),
    end ? t("playbook.closedBy", end) : t("playbook.record.open"),
    t("playbook.record.made", { name: by, time: moment(at) }),
    t("playbook.progress", { done, all }),
    ...(book.locked ? [t("playbook.locked", { count: book.locked })] : []),
  ];
  return `<!doctype html>
<html lang="${escaped(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(t("playbook.called", { title: book.title }))}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(book.title)}</h1>
${facts.map((each) => `<p class="m">${escaped(each)}</p>`).join("\n")}
<h2>${escaped(t("playbook.actions"))}</h2>
${stepsTable(t, book)}
<h2>${escaped(t("playbook.log"))}</h2>
${logTable(t, book)}
<p class="m">${escaped(t("playbook.record.how"))}</p>
</main>
`;
}

const row = (cells: string[], tag: "td" | "th", kind = ""): string =>
  `<tr${kind}>${cells.map((each) => `<${tag}${tag === "th" ? ' scope="col"' : ""}>${each}</${tag}>`).join("")}</tr>`;

function table(heads: string[], rows: string[]): string {
  return `<table>\n<thead>${row(heads.map(escaped), "th")}</thead>\n<tbody>\n${rows.join("\n")}\n</tbody>\n</table>`;
}

function stepsTable(t: TFunction, { steps }: Playbook): string {
  const heads = ["phase", "step", "owner", "due", "state"].map((each) => t(`playbook.record.${each}`));
  return table(
    heads,
    steps.map((each) => {
      const due = each.due === null ? "" : moment(each.due);
      return row([each.phase, each.text, each.owner?.name ?? "", due, stateWords(t, each)].map(escaped), "td");
    }),
  );
}

function stateWords(t: TFunction, { state, by, at }: PlaybookStep): string {
  if (!by || at === null) return t("playbook.by.none");
  return t(`playbook.by.${state}`, { name: by.name, time: moment(at) });
}

function logTable(t: TFunction, { log }: Playbook): string {
  const heads = ["time", "author", "line"].map((each) => t(`playbook.record.${each}`));
  return table(
    heads,
    log.map((each) => {
      const before = each.was.map((was) => `<s>${escaped(was)}</s> `).join("");
      const notes = [
        ...(each.corrected === null ? [] : [t("playbook.corrected", { time: moment(each.corrected) })]),
        ...(each.isLate ? [t("playbook.tooLate")] : []),
      ];
      const said = `${before}${escaped(entryWords(t, each))}${notes.length ? ` <span class="m">(${escaped(notes.join(", "))})</span>` : ""}`;
      const who = `${escaped(each.sender.name)} <span class="m">${escaped(each.sender.id)}</span>`;
      return row([escaped(moment(each.ts)), who, said], "td", each.isLate ? ' class="w"' : "");
    }),
  );
}
