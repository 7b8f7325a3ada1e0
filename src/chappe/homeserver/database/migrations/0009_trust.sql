-- Trust: what accounts act by, critical acts, the time, what is done once, erasure, leases.

-- What the grammar of addresses no longer takes proves nothing: encoded words, and the routes of old relays.
DELETE FROM threepids WHERE medium = 'email' AND address ~ '=\?|[%!]';
DELETE FROM validation_sessions WHERE medium = 'email' AND address ~ '=\?|[%!]';
DELETE FROM outgoing_mail WHERE recipient ~ '=\?|[%!]';

-- Browsers from which an account has signed in: strangers' wrong guesses do not keep it out there.
CREATE TABLE known_browsers (
    user_id text NOT NULL REFERENCES users, browser_hash bytea NOT NULL, last_ts bigint NOT NULL, PRIMARY KEY (user_id, browser_hash));
CREATE INDEX known_browsers_last ON known_browsers (last_ts);

-- Everything by which an account acts ends with the session that it came from, and asks how the account stands.
DELETE FROM identity_tokens;  -- they had no end; clients ask for another by themselves
ALTER TABLE identity_tokens ADD COLUMN device_id text, ADD COLUMN expires_ts bigint NOT NULL;
CREATE INDEX identity_tokens_user ON identity_tokens (user_id);
ALTER TABLE openid_tokens ADD COLUMN device_id text;
CREATE INDEX openid_tokens_user ON openid_tokens (user_id);
ALTER TABLE login_tokens ADD COLUMN device_id text;  -- of the session that asked for it; NULL: none did
CREATE INDEX users_owner ON users (owner) WHERE owner IS NOT NULL;
-- Bots that bots have made are those of the person behind them.
WITH RECURSIVE chain AS (
    SELECT u.user_id, u.owner, 1 AS depth FROM users u JOIN users o ON o.user_id = u.owner AND o.kind = 'bot'
    UNION ALL
    SELECT c.user_id, o.owner, c.depth + 1 FROM chain c JOIN users o ON o.user_id = c.owner
     WHERE o.kind = 'bot' AND o.owner IS NOT NULL AND c.depth < 100),
behind AS (SELECT DISTINCT ON (user_id) user_id, owner FROM chain ORDER BY user_id, depth DESC)
UPDATE users u SET owner = b.owner FROM behind b WHERE u.user_id = b.user_id;
UPDATE users u SET owner = f.holder FROM function_accounts f WHERE f.user_id = u.user_id AND f.holder IS NOT NULL;
UPDATE users SET password_hash = NULL WHERE kind IN ('function', 'bot');  -- nobody knows one, nobody shall
DELETE FROM threepids t USING users u WHERE u.user_id = t.user_id AND u.kind IN ('function', 'bot');
-- All refresh tokens that came from one sign-in; a token that was replaced is known by its family.
ALTER TABLE refresh_tokens ADD COLUMN family bytea;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family) WHERE family IS NOT NULL;
-- Up to when accounts that have expired were told of it, so that what must end then ends once.
INSERT INTO progress VALUES ('expired accounts', 0);

-- Which browser's sign-in a session came from: a provider that signs somebody out there signs them out here.
ALTER TABLE login_tokens ADD COLUMN browser bytea;
ALTER TABLE devices ADD COLUMN browser bytea;
CREATE INDEX devices_browser ON devices (browser) WHERE browser IS NOT NULL;

-- Critical acts at every door: where a request came from, when its agreement was used; who may agree.
ALTER TABLE critical_requests ADD COLUMN door text NOT NULL DEFAULT 'console', ADD COLUMN used_ts bigint;
CREATE TABLE accounts_opened (  -- by whom an account could have been used: who set its password, gave it rights …, and when last
    user_id text, by text, ts bigint NOT NULL, PRIMARY KEY (user_id, by));
ALTER TABLE totp_secrets ADD COLUMN confirmed_ts bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN admin_since_ts bigint;
UPDATE users SET admin_since_ts = 0 WHERE is_admin;
CREATE FUNCTION note_admin_since() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.admin_since_ts := CASE WHEN NEW.is_admin THEN extract(epoch FROM clock_timestamp()) * 1000 END;
    RETURN NEW;
END $$;
CREATE TRIGGER users_admin_made BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.is_admin) EXECUTE FUNCTION note_admin_since();
CREATE TRIGGER users_admin_changed BEFORE UPDATE OF is_admin ON users FOR EACH ROW
    WHEN (OLD.is_admin IS DISTINCT FROM NEW.is_admin) EXECUTE FUNCTION note_admin_since();

-- Which key has sealed an entry of the audit log; NULL: from before there were keys.
ALTER TABLE audit ADD COLUMN key_id text;

-- How much an account, and everybody, has uploaded in the last day.
CREATE INDEX media_of_user ON media (user_id, created_ts) INCLUDE (size);
CREATE INDEX media_created ON media (created_ts) INCLUDE (size);

-- A message is found by the words of its latest edit: `edit` says which one, so that the words go with it when it is redacted.
-- The index is made anew from the log: words of edits that were redacted earlier are still in it.
TRUNCATE event_search;
ALTER TABLE event_search ADD COLUMN edit text;
CREATE INDEX event_search_edit ON event_search (edit) WHERE edit IS NOT NULL;
UPDATE progress SET position = 0 WHERE name = 'search';

-- What is answered is done; the clock is evidence.

-- When the time was last believed (database/server_time.py). `confirmed` counts what operators have said.
CREATE TABLE time_evidence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seen_ts bigint NOT NULL,
    is_told boolean NOT NULL DEFAULT false,
    confirmed int NOT NULL DEFAULT 0
);

-- Acknowledged is done, once.

-- Profiles that have changed and are not in all rooms yet (actions/set_profile_field.py). `serial`: of the latest change.
CREATE TABLE profile_carries (user_id text PRIMARY KEY, serial bigint NOT NULL);

-- Set while somebody sends it: then it can no longer be cancelled or restarted.
ALTER TABLE delayed_events ADD COLUMN claimed_ts bigint;

-- Where it was asked for, and with whom that is counted where places are rare (accounts/rendezvous.py).
ALTER TABLE rendezvous ADD COLUMN network text NOT NULL DEFAULT '', ADD COLUMN crowd text NOT NULL DEFAULT '';

-- One-time keys that were given out lately: a device that uploads one again, because it never got the answer, adds none.
CREATE TABLE claimed_keys (
    user_id text, device_id text, algorithm text, key_id text, hash bytea NOT NULL, claimed timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, device_id, algorithm, key_id));
CREATE INDEX claimed_keys_age ON claimed_keys (claimed);

-- Up to where the log went when somebody asked for their messages to be erased: who comes later reads them redacted.
ALTER TABLE users ADD COLUMN erased_at bigint;
CREATE INDEX users_erased ON users (user_id) WHERE erased_at IS NOT NULL;
UPDATE users SET erased_at = (SELECT max(upto) FROM journal) WHERE erased;

-- Who does what must be done by one process at a time, and when it was last done.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    held_until timestamptz NOT NULL,
    done timestamptz
);

-- A key of another server is good for a week after it was fetched, whatever the server said.
UPDATE server_keys SET valid_until_ts = least(valid_until_ts, (extract(epoch FROM now()) * 1000)::bigint + 604800000);

-- Rooms that were closed, and those of them of which nothing is to be left (modules/room_purges).
CREATE TABLE room_purges (  -- `state`: shutting_down, purging, complete, failed; `has_begun`: something has been deleted
    purge_id text PRIMARY KEY, room_nid bigint, room_id text NOT NULL, asked_by text NOT NULL, is_purge boolean NOT NULL,
    is_forced boolean NOT NULL, state text NOT NULL DEFAULT 'shutting_down', has_begun boolean NOT NULL DEFAULT false,
    result bytea NOT NULL DEFAULT '{}', error text, asked_ts bigint NOT NULL, closed_ts bigint, ended_ts bigint);
CREATE INDEX room_purges_room ON room_purges (room_id);
CREATE INDEX room_purges_waiting ON room_purges (asked_ts) WHERE ended_ts IS NULL;

-- What each server sent of each room waits in a queue of its own, each event for itself: `attempts` to fetch its past, the next
-- not before `next_try_ts`.
ALTER TABLE federation_inbox ADD COLUMN attempts int NOT NULL DEFAULT 0, ADD COLUMN next_try_ts bigint NOT NULL DEFAULT 0,
    DROP CONSTRAINT federation_inbox_room_id_event_id_key, ADD UNIQUE (room_id, origin, event_id);
-- Servers of one host, on whatever port, share a bound.
CREATE INDEX federation_inbox_host ON federation_inbox (regexp_replace(origin, ':[0-9]+$', ''));

CREATE INDEX reports_reporter ON reports (reporter, received_ts);

-- When wrong codes were given lately: guesses at a secret are counted beside it, whichever process looks at them.
ALTER TABLE totp_secrets ADD COLUMN wrong_ts bigint[] NOT NULL DEFAULT '{}';

-- When a provider was asked to see again who somebody is: what it answers must be later. Unset: any session of theirs will do.
ALTER TABLE upstream_logins ADD COLUMN fresh_since_ts bigint;

-- In whose right an account was locked: an organisation's; NULL: the installation's (its administrators, the read guard).
ALTER TABLE users ADD COLUMN locked_by text;

-- Everything up to a position had come to this server by then, as its own clock says (retention): a row an hour.
CREATE TABLE arrivals (position bigint PRIMARY KEY, ts bigint NOT NULL);
CREATE INDEX arrivals_ts ON arrivals (ts);

-- Who was to be erased, and of whom a legal hold keeps something that is not theirs alone: a room, a file that was passed on.
CREATE TABLE unfinished_erasures (user_id text PRIMARY KEY);

-- What was deleted from a key backup is kept for a while, in a version of its own: since when. NULL: of all that are in use.
ALTER TABLE key_backups ADD COLUMN kept_since timestamptz;

-- In whose right something was done: an organisation's; NULL: the installation's, which alone undoes what was done before this was kept.
ALTER TABLE users ADD COLUMN suspended_by text;
ALTER TABLE legal_holds ADD COLUMN whose text;
ALTER TABLE blocked_rooms ADD COLUMN whose text;
ALTER TABLE media ADD COLUMN quarantined_whose text;
ALTER TABLE users ADD COLUMN expires_by text;  -- which administrators have brought `expires_ts` near: 'all', the installation's; NULL: none
-- Who ended an account (accounts/endings.py), an organisation in its right. What ended before this was kept, an administrator brings back.
ALTER TABLE former_accounts ADD COLUMN ended_by text NOT NULL DEFAULT 'installation', ADD COLUMN whose text;
UPDATE former_accounts SET ended_by = 'organisation', whose = organisation WHERE organisation IS NOT NULL;

-- Whose a room is whose maker has gone to another organisation, or left: of the one that they were of. Of others, their maker's.
CREATE TABLE room_organisations (room_id text PRIMARY KEY, organisation text NOT NULL);
INSERT INTO room_organisations SELECT DISTINCT ON (r.room_id) r.room_id, m.from_organisation FROM organisation_moves m
    JOIN events e ON e.sender = m.user_id AND e.type = 'm.room.create' AND e.ts <= m.ts JOIN rooms r USING (room_nid)
    WHERE m.from_organisation IS NOT NULL ORDER BY r.room_id, m.ts;
INSERT INTO room_organisations SELECT r.room_id, f.organisation FROM former_accounts f
    JOIN events e ON e.sender = f.user_id AND e.type = 'm.room.create' JOIN rooms r USING (room_nid)
    WHERE f.organisation IS NOT NULL ON CONFLICT DO NOTHING;

-- A session that ends with another: that of a duty account with the session of the person who took it (whose, and which).
ALTER TABLE devices ADD COLUMN parent_user text, ADD COLUMN parent_device text;
CREATE INDEX devices_parent ON devices (parent_user, parent_device) WHERE parent_user IS NOT NULL;
ALTER TABLE login_tokens ADD COLUMN parent_user text;  -- whose session `device_id` is; NULL: the account's own

-- Secrets of account data that were written over or deleted, for a while: what they were until then.
CREATE TABLE kept_secrets (
    user_id text, type text, kept_since timestamptz NOT NULL, content bytea NOT NULL, PRIMARY KEY (user_id, type, kept_since));
CREATE INDEX kept_secrets_age ON kept_secrets (kept_since);

-- An event whose content did not fit its hash is kept redacted: a copy that has its content takes its place. `renewed`: where the
-- log was then.
ALTER TABLE events ADD COLUMN is_unfit boolean NOT NULL DEFAULT false, ADD COLUMN renewed bigint;
CREATE INDEX events_renewed ON events (renewed) WHERE renewed IS NOT NULL;
