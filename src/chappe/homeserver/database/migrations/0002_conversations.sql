-- Threads: an event belongs to the main timeline ('') or to the thread of a root event. The running totals of an event
-- are those of its own thread; those of the main timeline stay in `rooms`.
ALTER TABLE events ADD COLUMN thread text NOT NULL DEFAULT '';
CREATE INDEX events_thread ON events (room_nid, thread, position) WHERE thread <> '';
CREATE INDEX events_time ON events (room_nid, ts);
ALTER TABLE push_hits ADD COLUMN thread text NOT NULL DEFAULT '';
CREATE TABLE threads (
    room_nid bigint, root text, notify_total bigint NOT NULL, highlight_total bigint NOT NULL,
    latest bigint NOT NULL,  -- position of the newest event that is still there; 0: none
    PRIMARY KEY (room_nid, root)) WITH (fillfactor = 70);
CREATE INDEX threads_latest ON threads (room_nid, latest);
CREATE TABLE relations (
    nid bigint PRIMARY KEY, room_nid bigint NOT NULL, target text NOT NULL, rel_type text NOT NULL, type text NOT NULL,
    sender text NOT NULL, key text, ts bigint NOT NULL, event_id text NOT NULL, position bigint NOT NULL);
CREATE INDEX relations_target ON relations (target, position);
INSERT INTO relations
    SELECT nid, room_nid, c ->> 'event_id', c ->> 'rel_type', type, sender, c ->> 'key', ts, event_id, position
      FROM (SELECT e.*, convert_from(json, 'UTF8')::jsonb #> '{content,m.relates_to}' AS c FROM events e
             WHERE position('m.relates_to'::bytea IN json) > 0 AND position('\\u0000'::bytea IN json) = 0) x
     WHERE c ->> 'event_id' IS NOT NULL AND c ->> 'rel_type' IS NOT NULL;
CREATE TABLE thread_subscriptions (
    user_id text, room_nid bigint, root text, automatic boolean NOT NULL, subscribed boolean NOT NULL,
    unsubscribed_after bigint NOT NULL DEFAULT 0, position bigint NOT NULL, PRIMARY KEY (user_id, room_nid, root));
CREATE INDEX thread_subscriptions_position ON thread_subscriptions (user_id, position);

-- What lists of rooms show, kept with each change of the state: room lists and directories read no room's state.
CREATE TABLE room_summaries (
    room_nid bigint PRIMARY KEY, name text, topic text, canonical_alias text, avatar text, room_type text,
    join_rule text NOT NULL, history_visibility text NOT NULL, guest_access text NOT NULL, encryption text,
    joined bigint NOT NULL, invited bigint NOT NULL, successor text, search text NOT NULL) WITH (fillfactor = 70);
ALTER TABLE rooms ADD COLUMN bump_position bigint NOT NULL DEFAULT 0;  -- of the last event that people would call news
UPDATE rooms SET bump_position = last_position;
CREATE TABLE published_rooms (
    server_name text, room_nid bigint, PRIMARY KEY (server_name, room_nid));
INSERT INTO published_rooms
    SELECT d.server_name, r.room_nid FROM rooms r, (SELECT server_name FROM domains ORDER BY created LIMIT 1) d WHERE published;
ALTER TABLE rooms DROP COLUMN published;

-- Message search in unencrypted rooms: filled by a job that follows the log.
CREATE TABLE event_search (
    nid bigint PRIMARY KEY, room_nid bigint NOT NULL, position bigint NOT NULL, ts bigint NOT NULL, sender text NOT NULL,
    type text NOT NULL, words tsvector NOT NULL);
CREATE INDEX event_search_words ON event_search USING gin (words);
CREATE INDEX event_search_room ON event_search (room_nid, position);
CREATE TABLE progress (name text PRIMARY KEY, position bigint NOT NULL);  -- how far a job has followed the log
INSERT INTO progress VALUES ('search', 0);

CREATE TABLE user_directory (
    user_id text PRIMARY KEY, server_name text NOT NULL, display_name text, avatar_url text, search text NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('simple', search)) STORED);
CREATE INDEX user_directory_words ON user_directory USING gin (words);
CREATE TABLE presence (
    user_id text PRIMARY KEY, presence text NOT NULL, status_msg text, last_active_ts bigint NOT NULL, position bigint NOT NULL);
CREATE INDEX presence_position ON presence (position);

CREATE TABLE reports (
    report_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reporter text NOT NULL, room_id text, event_id text,
    user_id text, reason text, score int, received_ts bigint NOT NULL);
ALTER TABLE account_data ADD COLUMN deleted boolean NOT NULL DEFAULT false;  -- others learn of it: the row stays
CREATE TABLE openid_tokens (token_hash bytea PRIMARY KEY, user_id text NOT NULL, expires_ts bigint NOT NULL);
CREATE TABLE delayed_events (
    delay_id text PRIMARY KEY, user_id text NOT NULL, device_id text NOT NULL, room_id text NOT NULL, type text NOT NULL,
    state_key text, content bytea NOT NULL, txn text, delay_ms bigint NOT NULL, running_since bigint NOT NULL,
    send_at bigint NOT NULL, finalised_ts bigint, outcome text, error bytea, event_id text, UNIQUE (txn));
CREATE INDEX delayed_events_due ON delayed_events (send_at) WHERE finalised_ts IS NULL;
CREATE INDEX delayed_events_user ON delayed_events (user_id);
CREATE TABLE dehydrated_devices (
    user_id text PRIMARY KEY, device_id text NOT NULL, device_data bytea NOT NULL);
CREATE TABLE third_party_invites (
    token text PRIMARY KEY, medium text NOT NULL, address text NOT NULL, room_id text NOT NULL, sender text NOT NULL,
    seed bytea NOT NULL, public_key text NOT NULL UNIQUE, display_name text NOT NULL, created_ts bigint NOT NULL);
CREATE INDEX third_party_invites_address ON third_party_invites (medium, address);
CREATE TABLE server_notice_rooms (user_id text PRIMARY KEY, room_id text NOT NULL);
CREATE TABLE url_previews (
    url text PRIMARY KEY, fetched_ts bigint NOT NULL, expires_ts bigint NOT NULL, preview bytea NOT NULL);
