/** How views look at view models. */

import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { Attachment } from "../matrix/types";
import type { AppViewModel, Made } from "../viewmodels/app";
import type { MainViewModel } from "../viewmodels/main";

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

/** A view model of the account, that lives as long as the view that shows it. */
export function useMade<V extends { close: () => void }, Given extends unknown[]>(
  Model: Made<V, Given>,
  key: string,
  ...given: Given
): V {
  const app = useApp();
  return useOwned(() => app.make(Model, ...given), key);
}

export const AppContext = createContext<AppViewModel | null>(null);
export const MainContext = createContext<MainViewModel | null>(null);

/** The whole client. */
export const useApp = (): AppViewModel => within(useContext(AppContext));

/** What somebody who is signed in moves in. */
export const useMain = (): MainViewModel => within(useContext(MainContext));

function within<T>(found: T | null): T {
  if (found === null) throw new Error("a view outside of what it belongs to");
  return found;
}

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

/** An address that an <img> can show, for as long as it does. */
export function useObjectUrl(blob: Blob | null): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    const made = blob && URL.createObjectURL(blob);
    setUrl(made);
    return () => {
      if (made) URL.revokeObjectURL(made);
    };
  }, [blob]);
  return url;
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
