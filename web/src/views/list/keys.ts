/** The keys of the list, beyond going through it: sections open and close, rooms move. */

import type { MainViewModel } from "../../viewmodels/main";
import { headOf, type Roving } from "./roving";

/** Alt+Shift+arrow. */
const isMove = (event: React.KeyboardEvent): boolean => event.altKey && event.shiftKey && !event.ctrlKey && !event.metaKey;

export function onListKey(event: React.KeyboardEvent, main: MainViewModel, roving: Roving): void {
  const { acts, list } = main;
  const target = event.target as HTMLElement;
  const stop = target.closest<HTMLElement>("[data-stop]")?.dataset.stop;
  const { moving } = acts.snapshot();
  const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : null;
  const taken = (): void => {
    event.preventDefault();
    event.stopPropagation();
  };
  if (moving) {
    if (by) acts.step(moving.id, by);
    else if (event.key === "Enter" || event.key === " ") acts.drop();
    else if (event.key === "Escape") acts.giveUp();
    else return;
    taken();
    return roving.goTo(moving.id);
  }
  if (by && isMove(event) && stop) {
    taken();
    if (!stop.startsWith("section ")) acts.step(stop, by);
    else if (stop.startsWith("section u.")) void main.ownSections.move(stop.slice("section ".length), by);
    return roving.goTo(stop);
  }
  if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey) {
    taken();
    return void acts.undo();
  }
  if (roving.onArrow(event)) return;
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  const { sections, closed } = list.snapshot();
  const entry = target.closest<HTMLElement>("li, .secthead");
  const section = sections.find((each) => each.name === target.closest<HTMLElement>("[data-section]")?.dataset.section);
  if (!entry || !section) return;
  taken();
  const stops = [...entry.querySelectorAll<HTMLElement>("a, button")];
  const isHead = stop === headOf(section.name);
  if (isHead && closed.has(section.name) === (event.key === "ArrowRight")) return list.toggle(section.name);
  const next = stops[stops.indexOf(target.closest<HTMLElement>("a, button")!) + (event.key === "ArrowRight" ? 1 : -1)];
  if (next) next.focus();
  else if (event.key === "ArrowLeft" && !isHead) roving.goTo(headOf(section.name));
}
