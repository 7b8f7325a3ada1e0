-- Devices of people of other servers (modules/end_to_end_encryption/remote_devices.py). `position`: of the log when the list was
-- asked for, `fetched_ts` likewise; `news`: how often its server spoke of a change, so that one that comes while the list is
-- being fetched is not lost.
ALTER TABLE remote_device_lists ADD COLUMN position bigint NOT NULL DEFAULT 0, ADD COLUMN news bigint NOT NULL DEFAULT 0;
UPDATE remote_device_lists SET stale = true;
-- When a list of devices changed: a server that has come into a room through another may have asked for it shortly before.
ALTER TABLE device_list_changes ADD COLUMN changed_ts bigint NOT NULL DEFAULT 0;
-- Whom somebody has invited: they are told of each other's devices.
CREATE INDEX memberships_invited ON memberships (sender) WHERE membership = 'invite';

-- History has an order whatever way it came (docs/decisions/0015).
CREATE TABLE stretches (  -- blocks of positions below zero that do not lie before the log, but directly before its event `cut`
    room_nid bigint, number int, cut bigint NOT NULL, ordinal int NOT NULL, PRIMARY KEY (room_nid, number));  -- ordinal: 0 the latest
ALTER TABLE missing_events ADD COLUMN position bigint;  -- of the event that follows it; 0: of one in no timeline; NULL: before the log

-- Keys of other servers as they were answered: the latest document of each, and older ones with keys that it lists no longer.
ALTER TABLE server_key_documents DROP CONSTRAINT server_key_documents_pkey, ADD PRIMARY KEY (server_name, fetched_ts);

-- Invitations declined, and knocks taken back, while no server of the room answered: told later (rooms/remote/untold.py).
CREATE TABLE untold_leaves (
    user_id text, room_nid bigint, servers text[] NOT NULL, content bytea NOT NULL, since_ts bigint NOT NULL,
    attempts int NOT NULL DEFAULT 0, next_try_ts bigint NOT NULL, PRIMARY KEY (user_id, room_nid));
CREATE INDEX untold_leaves_next ON untold_leaves (next_try_ts);

-- What was redacted counts for nobody any more who had not read it: how much an event had added to the counters of its thread.
CREATE TABLE retractions (
    room_nid bigint, thread text, position bigint, notify bigint NOT NULL, highlight bigint NOT NULL,
    PRIMARY KEY (room_nid, thread, position));

-- Beside its peers.

-- Words are split, folded and stemmed by us (matrix/search_words.py, matrix/search_lexemes.py): no parser of the database decides.
-- What was made by earlier rules is found meanwhile, and made anew by the job "search words", the latest first.
UPDATE user_directory SET search = '' WHERE length(search) > 500;  -- a lexeme has at most 2046 bytes
ALTER TABLE user_directory DROP COLUMN words;
ALTER TABLE user_directory
    ADD COLUMN words tsvector GENERATED ALWAYS AS (array_to_tsvector(string_to_array(search, ' '))) STORED,
    ADD COLUMN rules int NOT NULL DEFAULT 0;  -- by which it was made: the next change of them raises the default, and what is looked for
ALTER TABLE user_directory ALTER COLUMN rules SET DEFAULT 1;
CREATE INDEX user_directory_words ON user_directory USING gin (words);
CREATE INDEX user_directory_old ON user_directory (user_id) WHERE rules < 1;
INSERT INTO progress SELECT 'search words', coalesce(max(nid), 0) + 1 FROM event_search;  -- goes down; 0: all are made
INSERT INTO progress SELECT 'room words', coalesce(max(room_nid), 0) + 1 FROM room_summaries;
