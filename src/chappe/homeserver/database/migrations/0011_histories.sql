-- When a session of a backup was deleted or written over, where it is kept (modules/key_backup/kept.py). Of what was kept before
-- nobody knows; it goes with its backup.
ALTER TABLE key_backup_sessions ADD COLUMN kept_since timestamptz;

-- Where its members were told a room's state anew, some of which got its content late. (`retold`: its members, too.)
ALTER TABLE memberships ADD COLUMN state_retold bigint;

-- Of a gap in a room: whose word it is (a number of the host, rooms/stretches.py), and whether what follows it follows the end
-- of the log too. How often what is missing was asked for in vain.
ALTER TABLE stretches ADD COLUMN host bigint NOT NULL DEFAULT 0, ADD COLUMN is_fork boolean NOT NULL DEFAULT false;
ALTER TABLE missing_events ADD COLUMN attempts int NOT NULL DEFAULT 0;

-- Whom a provider has signed out, and when it said so: a sign-in that it vouched for before, and that is not written yet, is none.
ALTER TABLE upstream_logout_tokens ADD COLUMN subject text, ADD COLUMN session text, ADD COLUMN seen_ts bigint NOT NULL DEFAULT 0;
CREATE INDEX upstream_logout_tokens_seen ON upstream_logout_tokens (provider, seen_ts);
