/** Only one tab may run a session: two would fight over the encryption keys. */

const LOCK = "chappe-session";
/** A page that is reloaded lets go a moment after the new one has begun. */
const PATIENCE = 1500;

/** Resolves true once this tab holds the session; false when another does. `takeOver` makes the other one let go. */
export function holdSession(lost: () => void, takeOver = false): Promise<boolean> {
  return new Promise((resolve) => {
    let held = false;
    const options: LockOptions = takeOver ? { steal: true } : { signal: AbortSignal.timeout(PATIENCE) };
    navigator.locks
      .request(LOCK, options, () => {
        held = true;
        resolve(true);
        return new Promise<void>(() => {}); // held until the tab closes or another takes it
      })
      .catch(() => (held ? lost() : resolve(false)));
  });
}
