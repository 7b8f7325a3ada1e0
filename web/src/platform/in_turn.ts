/** What is asked of something is done in the order in which it is asked, one after the other. */

export function inTurn<T extends object>(whom: T): (what: keyof T, given: unknown[]) => Promise<unknown> {
  let before: Promise<unknown> = Promise.resolve();
  return (what, given) => {
    const act = async (): Promise<unknown> => (whom[what] as (...given: unknown[]) => unknown).apply(whom, given);
    const done = before.then(act, act);
    before = done;
    return done;
  };
}
