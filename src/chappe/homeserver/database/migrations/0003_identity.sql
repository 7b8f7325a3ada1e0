-- Who may use an account, and how.
ALTER TABLE users
    ADD locked boolean NOT NULL DEFAULT false, ADD suspended boolean NOT NULL DEFAULT false,
    ADD expires_ts bigint,            -- after this the account must be renewed
    ADD appservice text,              -- the application service whose user this is
    ADD kind text,                    -- "bot" for declared bots and webhooks
    ADD owner text, ADD purpose text, ADD scope text[]; -- of a bot (scope: the rooms that it may join; none: any): who answers for it, and what it is for
CREATE INDEX users_appservice ON users (appservice) WHERE appservice IS NOT NULL;
ALTER TABLE devices ADD user_agent text, ADD dehydrated boolean NOT NULL DEFAULT false;
ALTER TABLE registration_tokens ADD created_ts bigint, ADD pending int NOT NULL DEFAULT 0;

-- Proofs that an address belongs to somebody.
CREATE TABLE validation_sessions (
    sid text PRIMARY KEY, client_secret text NOT NULL, medium text NOT NULL, address text NOT NULL, purpose text NOT NULL,
    server_name text NOT NULL, token_hash bytea NOT NULL, send_attempt bigint NOT NULL, next_link text, tries int NOT NULL DEFAULT 0,
    validated_ts bigint, expires_ts bigint NOT NULL, UNIQUE (client_secret, medium, address, purpose));
CREATE INDEX validation_sessions_expiry ON validation_sessions (expires_ts);
CREATE TABLE outgoing_mail (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, recipient text NOT NULL, sender text NOT NULL, subject text NOT NULL,
    plain text NOT NULL, html text NOT NULL, attempts int NOT NULL DEFAULT 0, due_ts bigint NOT NULL, created_ts bigint NOT NULL,
    last_error text);
CREATE INDEX outgoing_mail_due ON outgoing_mail (due_ts);

-- Signing in.
CREATE TABLE login_tokens (token_hash bytea PRIMARY KEY, user_id text NOT NULL, expires_ts bigint NOT NULL);
CREATE TABLE browser_sessions (
    id_hash bytea PRIMARY KEY, user_id text NOT NULL REFERENCES users, method text NOT NULL, created_ts bigint NOT NULL,
    authenticated_ts bigint NOT NULL, second_factor_ts bigint, expires_ts bigint NOT NULL, user_agent text, address text,
    provider text, subject text, upstream_session text);
CREATE INDEX browser_sessions_user ON browser_sessions (user_id);
CREATE INDEX browser_sessions_upstream ON browser_sessions (provider, subject);
CREATE TABLE upstream_links (
    provider text, subject text, user_id text NOT NULL REFERENCES users, linked_ts bigint NOT NULL, PRIMARY KEY (provider, subject));
CREATE INDEX upstream_links_user ON upstream_links (user_id);
CREATE TABLE upstream_logins (
    state_hash bytea PRIMARY KEY, browser_hash bytea NOT NULL, provider text NOT NULL, nonce text NOT NULL, verifier text NOT NULL,
    next text NOT NULL, expires_ts bigint NOT NULL);
CREATE TABLE upstream_logout_tokens (provider text, jti text, expires_ts bigint NOT NULL, PRIMARY KEY (provider, jti));
CREATE TABLE totp_secrets (user_id text PRIMARY KEY REFERENCES users, secret bytea NOT NULL, confirmed boolean NOT NULL DEFAULT false,
    last_step bigint NOT NULL DEFAULT 0);
CREATE TABLE passkeys (
    credential_id bytea PRIMARY KEY, user_id text NOT NULL REFERENCES users, public_key bytea NOT NULL, sign_count bigint NOT NULL,
    name text NOT NULL, created_ts bigint NOT NULL, last_used_ts bigint);
CREATE INDEX passkeys_user ON passkeys (user_id);
CREATE TABLE passkey_challenges (id_hash bytea PRIMARY KEY, challenge bytea NOT NULL, user_id text, expires_ts bigint NOT NULL);
CREATE TABLE recovery_codes (user_id text REFERENCES users, code_hash bytea, PRIMARY KEY (user_id, code_hash));

-- The OAuth 2.0 API.
CREATE TABLE oauth_clients (client_id text PRIMARY KEY, digest bytea NOT NULL UNIQUE, metadata bytea NOT NULL, created_ts bigint NOT NULL);
CREATE TABLE oauth_codes (
    code_hash bytea PRIMARY KEY, client_id text NOT NULL REFERENCES oauth_clients, user_id text NOT NULL REFERENCES users,
    scope text NOT NULL, redirect_uri text NOT NULL, code_challenge text NOT NULL, expires_ts bigint NOT NULL,
    browser bytea, device_id text);  -- the device that it was exchanged for: a second use ends that session
CREATE TABLE oauth_sessions (
    user_id text, device_id text, client_id text NOT NULL, scope text NOT NULL, created_ts bigint NOT NULL, browser bytea,
    PRIMARY KEY (user_id, device_id), FOREIGN KEY (user_id, device_id) REFERENCES devices ON DELETE CASCADE);
CREATE TABLE device_grants (
    device_hash bytea PRIMARY KEY, user_code text NOT NULL UNIQUE, client_id text NOT NULL REFERENCES oauth_clients, scope text NOT NULL,
    state text NOT NULL DEFAULT 'pending', user_id text, browser bytea, polled_ts bigint NOT NULL DEFAULT 0, expires_ts bigint NOT NULL);
CREATE TABLE rendezvous (
    id text PRIMARY KEY, content_type text NOT NULL, data bytea NOT NULL, version bigint NOT NULL DEFAULT 1, changed_ts bigint NOT NULL,
    expires_ts bigint NOT NULL);

-- Push. The number under 'pushers' in progress rises with each change of a pusher.
CREATE TABLE pushers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL REFERENCES users, device_id text, kind text NOT NULL,
    app_id text NOT NULL, pushkey text NOT NULL, app_display_name text NOT NULL, device_display_name text NOT NULL, profile_tag text,
    lang text NOT NULL, data bytea NOT NULL, enabled boolean NOT NULL DEFAULT true, created_ts bigint NOT NULL,
    host text NOT NULL DEFAULT '', badge int NOT NULL DEFAULT 0, failing_since bigint, attempts int NOT NULL DEFAULT 0, due_ts bigint NOT NULL DEFAULT 0,
    UNIQUE (user_id, app_id, pushkey));
CREATE INDEX pushers_due ON pushers (due_ts);
CREATE INDEX pushers_key ON pushers (app_id, pushkey);
CREATE TABLE push_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, pusher bigint NOT NULL REFERENCES pushers ON DELETE CASCADE,
    room_nid bigint NOT NULL, event_id text NOT NULL, position bigint NOT NULL, tweaks bytea NOT NULL, created_ts bigint NOT NULL,
    UNIQUE (pusher, event_id));
INSERT INTO secrets VALUES ('browser', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Application services.
CREATE TABLE appservice_transactions (
    appservice text, txn bigint, body bytea NOT NULL, PRIMARY KEY (appservice, txn));
CREATE TABLE appservice_progress (
    appservice text PRIMARY KEY, position bigint NOT NULL, next_txn bigint NOT NULL DEFAULT 1,
    holder text, lease_until bigint NOT NULL DEFAULT 0);
CREATE TABLE appservice_rooms (appservice text, network text, room_id text, PRIMARY KEY (appservice, network, room_id));

-- Bots and webhooks.
CREATE TABLE webhooks (
    id text PRIMARY KEY, room_id text NOT NULL, direction text NOT NULL, owner text NOT NULL, user_id text, name text NOT NULL,
    secret_hash bytea, secret text, url text, types text[] NOT NULL DEFAULT '{}', expires_ts bigint, created_ts bigint NOT NULL,
    last_used_ts bigint, last_error text, enabled boolean NOT NULL DEFAULT true);
CREATE INDEX webhooks_room ON webhooks (room_id);
CREATE TABLE webhook_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, webhook text NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id text NOT NULL, body bytea NOT NULL, attempts int NOT NULL DEFAULT 0, due_ts bigint NOT NULL, UNIQUE (webhook, event_id));

-- The identity-service API.
CREATE TABLE identity_tokens (token_hash bytea PRIMARY KEY, user_id text NOT NULL, created_ts bigint NOT NULL);
CREATE TABLE identity_terms (user_id text, url text, agreed_ts bigint NOT NULL, PRIMARY KEY (user_id, url));
ALTER TABLE threepids ADD lookup_hash bytea;  -- of address, medium and this installation's pepper
CREATE INDEX threepids_lookup ON threepids (lookup_hash);

-- Moderation.
ALTER TABLE media ADD quarantined_by text, ADD protected boolean NOT NULL DEFAULT false, ADD last_access_ts bigint;
CREATE TABLE blocked_rooms (room_id text PRIMARY KEY, blocked_by text NOT NULL, blocked_ts bigint NOT NULL);
INSERT INTO progress VALUES ('push', (SELECT max(upto) FROM journal)), ('pushers', 0), ('webhooks', (SELECT max(upto) FROM journal));
