-- Rooms that are shared with other servers.
ALTER TABLE rooms ADD COLUMN federated boolean NOT NULL DEFAULT false;  -- events of other servers came in, or will
ALTER TABLE rooms ADD COLUMN stub boolean NOT NULL DEFAULT false;       -- only invitations to it, or knocks, are known
ALTER TABLE events ADD COLUMN status smallint NOT NULL DEFAULT 0;  -- 0 history, 1 outlier, 2 rejected, 3 soft-failed
ALTER TABLE events ADD COLUMN state_after bigint;                  -- the state's root with it, where it changes it
ALTER TABLE events ADD COLUMN room_before bigint;  -- the room's state before it came, where that is not its state_before
ALTER TABLE events ADD COLUMN moved boolean NOT NULL DEFAULT false;  -- it changed the room's state as state_moves says
UPDATE events e SET state_after = (p.pack << 8) | get_byte(p.data, 0)
  FROM state_packs p WHERE p.pack = e.nid AND e.state_key IS NOT NULL;  -- a pack's last node is its root
CREATE TABLE state_moves (  -- what state resolution changed beside the event that brought it about; nid NULL: taken away
    room_nid bigint, position bigint, type text, state_key text, nid bigint, was bigint,
    PRIMARY KEY (room_nid, position, type, state_key));
CREATE TABLE missing_events (  -- followed by events that are here, and not here themselves: where history can go on
    room_nid bigint, event_id text, follower_depth bigint NOT NULL, failed_ts bigint, PRIMARY KEY (room_nid, event_id));
CREATE TABLE held_redactions (  -- redactions of events that are not here yet
    target text, redaction text, room_nid bigint NOT NULL, PRIMARY KEY (target, redaction));
CREATE INDEX auth_events_cited ON auth_events USING gin (auth);

-- From other servers: what was taken over and still waits for events that it follows.
CREATE TABLE federation_inbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, room_id text NOT NULL, event_id text NOT NULL, origin text NOT NULL,
    pdu bytea NOT NULL, received_ts bigint NOT NULL, UNIQUE (room_id, event_id));
CREATE TABLE invitations (  -- to rooms that nobody here is in, and knocks there: what the other server showed of the room
    user_id text, room_nid bigint, event_id text NOT NULL, event bytea NOT NULL, stripped bytea NOT NULL,
    PRIMARY KEY (user_id, room_nid));
-- To other servers.
CREATE TABLE destinations (
    server_name text PRIMARY KEY, failing_since bigint, failures int NOT NULL DEFAULT 0, retry_ts bigint NOT NULL DEFAULT 0,
    last_error text, last_success_ts bigint);
CREATE TABLE federation_queue (
    destination text, position bigint, event_nid bigint NOT NULL, PRIMARY KEY (destination, position));
CREATE TABLE federation_edus (  -- `key`: a later one with the same key takes the place of the first
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, destination text NOT NULL, key text, edu bytea NOT NULL,
    UNIQUE (destination, key));
CREATE INDEX federation_edus_destination ON federation_edus (destination, seq);
CREATE TABLE federation_progress (shard int PRIMARY KEY, position bigint NOT NULL, holder text, lease_until bigint);
-- Devices of people of other servers, as those told them; kept while a room is shared.
CREATE TABLE remote_device_lists (user_id text PRIMARY KEY, stale boolean NOT NULL, fetched_ts bigint NOT NULL);
CREATE TABLE remote_devices (
    user_id text, device_id text, keys bytea NOT NULL, PRIMARY KEY (user_id, device_id));
CREATE TABLE remote_cross_signing_keys (user_id text, usage text, key bytea NOT NULL, PRIMARY KEY (user_id, usage));
