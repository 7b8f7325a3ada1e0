-- The clock (docs/decisions/0002): one row per commit; positions (since, upto]; what it touched.
CREATE TABLE journal (upto bigint PRIMARY KEY, since bigint NOT NULL, rooms bigint[] NOT NULL, users text[] NOT NULL);
INSERT INTO journal VALUES (0, 0, '{}', '{}');
-- Answers to remember: a transaction id repeated gets the same answer. Pruned after a day.
CREATE TABLE sent (txn text PRIMARY KEY, result text NOT NULL, upto bigint NOT NULL);
CREATE INDEX sent_upto ON sent (upto);
CREATE TABLE secrets (name text PRIMARY KEY, value bytea NOT NULL);
INSERT INTO secrets VALUES
    ('epoch', uuid_send(gen_random_uuid())),
    ('state_hash', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    ('registration_nonce', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
CREATE SEQUENCE event_numbers INCREMENT 10000;
CREATE SEQUENCE room_numbers;

-- Hosted domains: every Matrix server name that this installation answers for.
CREATE TABLE domains (
    server_name text PRIMARY KEY, signing_seed bytea NOT NULL, key_version text NOT NULL,
    created timestamptz NOT NULL DEFAULT now());

CREATE TABLE users (
    user_id text PRIMARY KEY, server_name text NOT NULL REFERENCES domains, password_hash text,
    is_admin boolean NOT NULL DEFAULT false, is_guest boolean NOT NULL DEFAULT false,
    deactivated boolean NOT NULL DEFAULT false, erased boolean NOT NULL DEFAULT false,
    profile bytea NOT NULL DEFAULT '{}', created timestamptz NOT NULL DEFAULT now());
CREATE TABLE threepids (
    medium text, address text, user_id text NOT NULL REFERENCES users, validated_at bigint NOT NULL, added_at bigint NOT NULL,
    PRIMARY KEY (medium, address));
CREATE INDEX threepids_user ON threepids (user_id);
CREATE TABLE devices (
    user_id text REFERENCES users, device_id text, display_name text, last_seen_ts bigint, last_seen_ip text,
    created timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (user_id, device_id));
CREATE TABLE access_tokens (
    token_hash bytea PRIMARY KEY, user_id text NOT NULL, device_id text NOT NULL, expires_ts bigint, refresh_hash bytea,
    FOREIGN KEY (user_id, device_id) REFERENCES devices ON DELETE CASCADE);
CREATE INDEX access_tokens_device ON access_tokens (user_id, device_id);
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY, user_id text NOT NULL, device_id text NOT NULL, successor_hash bytea,
    FOREIGN KEY (user_id, device_id) REFERENCES devices ON DELETE CASCADE);
CREATE INDEX refresh_tokens_device ON refresh_tokens (user_id, device_id);
CREATE TABLE uia_sessions (
    session text PRIMARY KEY, purpose text NOT NULL, body bytea NOT NULL, user_id text, completed text[] NOT NULL DEFAULT '{}',
    facts bytea NOT NULL DEFAULT '{}', created timestamptz NOT NULL DEFAULT now());
CREATE TABLE registration_tokens (
    token text PRIMARY KEY, uses_allowed int, used int NOT NULL DEFAULT 0, expires_ts bigint);
CREATE TABLE registration_nonces (nonce text PRIMARY KEY, created timestamptz NOT NULL DEFAULT now());
CREATE TABLE filters (user_id text, filter_id bigint, filter bytea NOT NULL, digest bytea NOT NULL,
    PRIMARY KEY (user_id, filter_id), UNIQUE (user_id, digest));

CREATE TABLE rooms (
    room_nid bigint PRIMARY KEY, room_id text NOT NULL UNIQUE, version text NOT NULL,
    state_version bigint NOT NULL, revoke_version bigint NOT NULL,  -- the latter rises only with what can revoke a right
    leaves text[] NOT NULL, root bigint NOT NULL, depth bigint NOT NULL,
    notify_total bigint NOT NULL, highlight_total bigint NOT NULL, last_position bigint NOT NULL,
    published boolean NOT NULL DEFAULT false) WITH (fillfactor = 50);
CREATE TABLE events (
    nid bigint PRIMARY KEY, position bigint NOT NULL, room_nid bigint NOT NULL, event_id text NOT NULL UNIQUE,
    type text NOT NULL, state_key text, sender text NOT NULL, ts bigint NOT NULL, depth bigint NOT NULL,
    state_before bigint NOT NULL,  -- the root of the state tree before the event
    replaces bigint,               -- the state event whose key it took
    notify_total bigint NOT NULL, highlight_total bigint NOT NULL,  -- of the room up to and with this event, default rules
    txn text, redacted_by text, json bytea NOT NULL);
ALTER TABLE events ALTER COLUMN json SET STORAGE MAIN;
CREATE INDEX events_timeline ON events (room_nid, position);
CREATE INDEX events_sender ON events (room_nid, sender, position);
CREATE TABLE state_packs (pack bigint PRIMARY KEY, room_nid bigint NOT NULL, data bytea NOT NULL);
ALTER TABLE state_packs ALTER COLUMN data SET STORAGE MAIN;
CREATE TABLE auth_events (
    event_nid bigint PRIMARY KEY, room_nid bigint NOT NULL, num int NOT NULL, auth bigint[] NOT NULL,
    base int NOT NULL, rest bytea NOT NULL, UNIQUE (room_nid, num));
CREATE TABLE auth_bases (room_nid bigint, base int, chain bytea NOT NULL, PRIMARY KEY (room_nid, base));
CREATE TABLE memberships (
    user_id text, room_nid bigint, membership text NOT NULL, event_nid bigint NOT NULL, sender text NOT NULL,
    position bigint NOT NULL,
    joined_since bigint,        -- where the present, uninterrupted join began
    was_joined boolean NOT NULL DEFAULT false,
    forgotten boolean NOT NULL DEFAULT false, PRIMARY KEY (user_id, room_nid)) WITH (fillfactor = 80);
CREATE INDEX memberships_room ON memberships (room_nid);
CREATE TABLE room_aliases (
    alias text PRIMARY KEY, room_id text NOT NULL, creator text NOT NULL, created timestamptz NOT NULL DEFAULT now());
CREATE INDEX room_aliases_room ON room_aliases (room_id);

CREATE TABLE account_data (
    user_id text, room_id text, type text, content bytea NOT NULL, position bigint NOT NULL, PRIMARY KEY (user_id, room_id, type));
CREATE INDEX account_data_position ON account_data (user_id, position);
CREATE TABLE receipts (
    room_nid bigint, user_id text, type text, thread text, event_id text NOT NULL, event_position bigint NOT NULL,
    ts bigint NOT NULL, position bigint NOT NULL, PRIMARY KEY (room_nid, user_id, type, thread));
CREATE INDEX receipts_position ON receipts (room_nid, position);
CREATE TABLE push_rules (user_id text PRIMARY KEY, rules bytea NOT NULL);
-- Only what concerns single readers: mentions. Everything else is counted per room (events.notify_total).
CREATE TABLE push_hits (
    user_id text, room_nid bigint, position bigint, notify boolean NOT NULL, highlight boolean NOT NULL,
    PRIMARY KEY (user_id, room_nid, position));

CREATE TABLE to_device (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, device_id text NOT NULL, message bytea NOT NULL);
CREATE INDEX to_device_inbox ON to_device (user_id, device_id, seq);
CREATE TABLE device_list_changes (user_id text PRIMARY KEY, position bigint NOT NULL);
CREATE INDEX device_list_changes_position ON device_list_changes (position);
CREATE TABLE device_keys (
    user_id text, device_id text, keys bytea NOT NULL, PRIMARY KEY (user_id, device_id));
CREATE TABLE one_time_keys (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, device_id text NOT NULL,
    algorithm text NOT NULL, key_id text NOT NULL, key bytea NOT NULL, UNIQUE (user_id, device_id, algorithm, key_id));
CREATE INDEX one_time_keys_queue ON one_time_keys (user_id, device_id, algorithm, seq);
CREATE TABLE fallback_keys (
    user_id text, device_id text, algorithm text, key_id text NOT NULL, key bytea NOT NULL, used boolean NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, device_id, algorithm));
CREATE TABLE cross_signing_keys (user_id text, usage text, key bytea NOT NULL, PRIMARY KEY (user_id, usage));
CREATE TABLE key_signatures (
    user_id text, target text,  -- a device id or the public part of a cross-signing key
    signer text, signer_key text, signature text NOT NULL, PRIMARY KEY (user_id, target, signer, signer_key));
CREATE TABLE key_backups (
    user_id text, version bigint, algorithm text NOT NULL, auth_data bytea NOT NULL, etag bigint NOT NULL DEFAULT 0,
    deleted boolean NOT NULL DEFAULT false, PRIMARY KEY (user_id, version));
CREATE TABLE key_backup_sessions (
    user_id text, version bigint, room_id text, session_id text, first_message_index bigint NOT NULL,
    forwarded_count bigint NOT NULL, is_verified boolean NOT NULL, session_data bytea NOT NULL,
    PRIMARY KEY (user_id, version, room_id, session_id));

CREATE TABLE media (
    server_name text, media_id text, user_id text NOT NULL, content_type text NOT NULL DEFAULT 'application/octet-stream',
    file_name text, size bigint, sha256 bytea, created_ts bigint NOT NULL, expires_ts bigint, legacy boolean NOT NULL DEFAULT false,
    PRIMARY KEY (server_name, media_id));
CREATE INDEX media_pending ON media (user_id) WHERE size IS NULL;
