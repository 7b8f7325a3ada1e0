/** Only one tab may run a session: two would fight over the encryption keys. */

const LOCK = "chappe-session";

/** Resolves true once this tab holds the session; false when another does. `takeOver` makes the other one let go. */
export function holdSession(lost: () => void, takeOver = false): Promise<boolean> {
  return new Promise((resolve) => {
    const options: LockOptions = takeOver ? { steal: true } : { ifAvailable: true };
    navigator.locks
      .request(LOCK, options, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : new Promise<void>(() => {}); // held until the tab closes or another takes it
      })
      .catch(lost);
  });
}
