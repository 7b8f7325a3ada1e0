-- When a session of a backup was deleted or written over, where it is kept (modules/key_backup/kept.py). Of what was kept before
-- nobody knows; it goes with its backup.
ALTER TABLE key_backup_sessions ADD COLUMN kept_since timestamptz;
