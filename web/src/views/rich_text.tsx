/** Formatted text of a message, made harmless: names and hidden parts can be pressed, emoji of one's own are pictures. */

import { useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { NamedService } from "../matrix/named_services";
import { harmless, turnSpoiler } from "../platform/html";
import { called } from "../viewmodels/links";
import type { MainViewModel } from "../viewmodels/main";
import type { RoomViewModel } from "../viewmodels/room";
import { shownServices } from "../viewmodels/services";
import { useApp, useMain } from "./use";

const NONE: NamedService[] = [];

export function RichText({
  html,
  room,
  services = NONE,
  className = "txt",
}: {
  html: string;
  room: RoomViewModel;
  services?: NamedService[];
  className?: string;
}) {
  const { t } = useTranslation();
  const app = useApp();
  const main = useMain();
  const box = useRef<HTMLDivElement>(null);
  const me = app.userId;
  const clean = useMemo(
    () =>
      harmless(
        html,
        me,
        (id) => room.nameOf(id),
        (reason) => (reason ? t("spoiler.because", { reason }) : t("spoiler.show")),
        (href) => {
          const there = called(href, main.origin, (id) => main.list.find(id)?.name);
          return there && (there.isMessage ? t("link.message", { room: there.room }) : there.room);
        },
        shownServices(services, me, (id) => room.nameOf(id)),
      ),
    [html, me, room, services, main, t],
  );
  useEffect(() => {
    for (const each of box.current?.querySelectorAll<HTMLElement>("[data-emoticon]") ?? [])
      app.media.picture(each.dataset.emoticon ?? "", 64).then(
        (url) => {
          const image = document.createElement("img");
          Object.assign(image, { src: url, alt: each.textContent, title: each.textContent, height: 24 });
          each.replaceChildren(image);
        },
        () => {}, // its name stays
      );
  }, [clean, app]);
  return (
    <div
      ref={box}
      className={`${className} rich`}
      dir="auto"
      onClick={(event) => press(event.target as HTMLElement, main)}
      onKeyDown={(event) => {
        const target = event.target as HTMLElement;
        if (event.key !== "Enter" && event.key !== " ") return;
        if (target.matches(".spoiler") ? !turnSpoiler(target) : !target.matches("[data-person]")) return;
        if (target.matches("[data-person]")) press(target, main);
        event.preventDefault();
      }}
      // made harmless above
      dangerouslySetInnerHTML={{ __html: clean }}
    />
  );
}

function press(target: HTMLElement, main: MainViewModel): void {
  const hidden = target.closest(".spoiler");
  const isShown = !hidden || hidden.classList.contains("open");
  const person = target.closest<HTMLElement>("[data-person]")?.dataset.person;
  if (person && isShown) main.openPanel({ name: "person", id: person });
  else turnSpoiler(target);
}
