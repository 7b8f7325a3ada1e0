-- Acknowledged is done, once.

-- Profiles that have changed and are not in all rooms yet (actions/set_profile_field.py). `serial`: of the latest change.
CREATE TABLE profile_carries (user_id text PRIMARY KEY, serial bigint NOT NULL);

-- Set while somebody sends it: then it can no longer be cancelled or restarted.
ALTER TABLE delayed_events ADD COLUMN claimed_ts bigint;

-- One-time keys that were given out lately: a device that uploads one again, because it never got the answer, adds none.
CREATE TABLE claimed_keys (
    user_id text, device_id text, algorithm text, key_id text, hash bytea NOT NULL, claimed timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, device_id, algorithm, key_id));
CREATE INDEX claimed_keys_age ON claimed_keys (claimed);

-- Up to where the log went when somebody asked for their messages to be erased: who comes later reads them redacted.
ALTER TABLE users ADD COLUMN erased_at bigint;
CREATE INDEX users_erased ON users (user_id) WHERE erased_at IS NOT NULL;
UPDATE users SET erased_at = (SELECT max(upto) FROM journal) WHERE erased;
