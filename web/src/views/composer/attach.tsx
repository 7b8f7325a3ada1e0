import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { clock } from "../../platform/clock";
import type { ComposerViewModel } from "../../viewmodels/composer";
import type { Choice } from "../ui/menu";
import type { Field } from "./field";

/** The ways of a file into the tray: chosen, photographed, pasted, dropped on the conversation that `box` stands in. */
export function useAttach(
  model: ComposerViewModel,
  field: React.RefObject<Field | null>,
  box: React.RefObject<HTMLElement | null>,
) {
  const { t } = useTranslation();
  const file = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  const [dragging, setDragging] = useState(false);
  const take = (files: File[]): void => {
    model.tray.add(files);
    field.current?.focus(); // what is said of them comes next
  };
  const taking = useRef(take);
  taking.current = take;

  useEffect(() => {
    const place = box.current?.closest<HTMLElement>(".panel") ?? box.current;
    if (!place) return;
    const over = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setDragging(true);
    };
    const leave = (event: DragEvent): void => {
      if (!place.contains(event.relatedTarget as Node | null)) setDragging(false);
    };
    const drop = (event: DragEvent): void => {
      setDragging(false);
      if (!hasFiles(event)) return;
      event.preventDefault();
      taking.current([...event.dataTransfer!.files]);
    };
    const ends = [listen(place, "dragover", over), listen(place, "dragleave", leave), listen(place, "drop", drop)];
    return () => ends.forEach((end) => void end());
  }, [box]);

  const picked = (input: HTMLInputElement): void => {
    take([...(input.files ?? [])]);
    input.value = "";
  };
  const paste = (data: DataTransfer): boolean => {
    // an office program gives a picture of the text along with it: the text is meant
    const isText = data.types.includes("text/html") && data.getData("text/plain").trim() !== "";
    const files = isText ? [] : [...data.files];
    if (files.length) take(files.map((each) => named(each, t("tray.pasted"))));
    return files.length > 0 || model.paste(data.getData("text/plain"));
  };
  const choices: Choice[] = [
    { name: t("composer.file"), icon: "clip", run: () => file.current?.click() },
    { name: t("composer.camera"), icon: "camera", run: () => camera.current?.click() },
  ];
  const inputs = (
    <>
      <input
        ref={file}
        type="file"
        multiple
        hidden
        aria-label={t("composer.file")}
        onChange={(event) => picked(event.target)}
        data-testid="file"
      />
      <input
        ref={camera}
        type="file"
        accept="image/*"
        capture="environment"
        hidden
        aria-label={t("composer.camera")}
        onChange={(event) => picked(event.target)}
        data-testid="camera"
      />
    </>
  );
  return { dragging, paste, choices, inputs };
}

export const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;

function listen<K extends keyof HTMLElementEventMap>(
  place: HTMLElement,
  name: K,
  heard: (event: HTMLElementEventMap[K]) => void,
): () => void {
  place.addEventListener(name, heard);
  return () => place.removeEventListener(name, heard);
}

/** Browsers call every picture of the clipboard alike: it is called by when it was pasted. */
function named(file: File, word: string): File {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const moment = new Date(clock.now());
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map(two).join("-");
  const when = `${day} ${two(moment.getHours())}-${two(moment.getMinutes())}-${two(moment.getSeconds())}`;
  return new File([file], `${word} ${when}.${file.name.split(".").at(-1)}`, { type: file.type });
}
