/** How views look at view models. */

import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Attachment } from "../matrix/types";
import type { AppViewModel } from "../viewmodels/app";

export function useSnapshot<S>(model: { subscribe: (listener: () => void) => () => void; snapshot: () => S }): S {
  return useSyncExternalStore(model.subscribe, model.snapshot);
}

/** A view model that lives as long as the view that shows it. */
export function useOwned<V extends { close: () => void }>(make: () => V, key: string): V {
  const [held, setHeld] = useState(() => ({ key, model: make() }));
  let current = held;
  if (held.key !== key) {
    current = { key, model: make() };
    setHeld(current);
  }
  useEffect(() => () => current.model.close(), [current]);
  return current.model;
}

export const AppContext = createContext<AppViewModel | null>(null);

export const useApp = (): AppViewModel => useContext(AppContext)!;

/** Whether the screen is wide enough; follows it. */
export function useMedia(query: string): boolean {
  const [list] = useState(() => matchMedia(query));
  return useSyncExternalStore(
    (changed) => {
      list.addEventListener("change", changed);
      return () => list.removeEventListener("change", changed);
    },
    () => list.matches,
  );
}

/** A number that rises each time something changes. */
export function useTurn(signal: { listen: (listener: () => void) => () => void }): number {
  const [turn, setTurn] = useState(0);
  useEffect(() => signal.listen(() => setTurn((each) => each + 1)), [signal]);
  return turn;
}

/** The result of something that takes a while: undefined while it does, null when it failed. */
export function useLater<T>(make: () => Promise<T>, key: string): T | null | undefined {
  const [value, setValue] = useState<{ key: string; value: T | null }>();
  useEffect(() => {
    let gone = false;
    make().then(
      (found) => !gone && setValue({ key, value: found }),
      () => !gone && setValue({ key, value: null }),
    );
    return () => {
      gone = true;
    };
  }, [key]);
  return value?.key === key ? value.value : undefined;
}

/** What a view of a file is drawn anew for: another description of the same bytes is another file, whatever its name. */
export const keyOf = (file: Attachment): string => JSON.stringify([file.source, file.thumbnail]);
