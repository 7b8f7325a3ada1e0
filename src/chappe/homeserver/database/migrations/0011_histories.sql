-- When a session of a backup was deleted or written over, where it is kept (modules/key_backup/kept.py). Of what was kept before
-- nobody knows; it goes with its backup.
ALTER TABLE key_backup_sessions ADD COLUMN kept_since timestamptz;

-- Where its members were told a room's state anew, some of which got its content late. (`retold`: its members, too.)
ALTER TABLE memberships ADD COLUMN state_retold bigint;
