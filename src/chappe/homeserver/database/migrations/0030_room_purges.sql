-- Rooms that were closed, and those of them of which nothing is to be left (modules/room_purges).
CREATE TABLE room_purges (  -- `state`: shutting_down, purging, complete, failed; `has_begun`: something has been deleted
    purge_id text PRIMARY KEY, room_nid bigint, room_id text NOT NULL, asked_by text NOT NULL, is_purge boolean NOT NULL,
    is_forced boolean NOT NULL, state text NOT NULL DEFAULT 'shutting_down', has_begun boolean NOT NULL DEFAULT false,
    result bytea NOT NULL DEFAULT '{}', error text, asked_ts bigint NOT NULL, closed_ts bigint, ended_ts bigint);
CREATE INDEX room_purges_room ON room_purges (room_id);
CREATE INDEX room_purges_waiting ON room_purges (asked_ts) WHERE ended_ts IS NULL;
