-- The public-sector layer (chappe.agency). Empty where it is off.
CREATE TABLE organisations (
    name text PRIMARY KEY, label text NOT NULL, home text NOT NULL, requires_invite boolean NOT NULL);
CREATE TABLE organisation_addresses (  -- an address, a domain, `*.domain`, or `*`
    pattern text PRIMARY KEY, organisation text NOT NULL REFERENCES organisations ON DELETE CASCADE);
CREATE TABLE scan_results (  -- `fingerprint`: of the key that a file was decrypted with; empty for a plain one
    server_name text, media_id text, fingerprint bytea, signatures text NOT NULL, reason text, info text NOT NULL,
    scanned_ts bigint NOT NULL, released_by text, PRIMARY KEY (server_name, media_id, fingerprint));
INSERT INTO secrets VALUES ('scanner', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));  -- an X25519 key
CREATE TABLE account_validity (  -- beside users.expires_ts; `reminded_days`: the last reminder sent for the end `for_expiry`
    user_id text PRIMARY KEY, token text, used_hash bytea, reminded_days int, for_expiry bigint,
    mails_enabled boolean NOT NULL DEFAULT true);
CREATE INDEX account_validity_token ON account_validity (token);
CREATE INDEX account_validity_used ON account_validity (used_hash);
CREATE INDEX users_expiry ON users (expires_ts) WHERE expires_ts IS NOT NULL;
CREATE TABLE audit (  -- append only; `seal`: over the entry and the seal before it
    number bigint PRIMARY KEY, ts bigint NOT NULL, actor text NOT NULL, action text NOT NULL, detail text NOT NULL, seal bytea NOT NULL);
CREATE TABLE read_guard (  -- what was read in an hour, weighed
    user_id text, hour bigint, what text, amount float8 NOT NULL, PRIMARY KEY (user_id, hour, what));
CREATE TABLE read_guard_alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, step text NOT NULL, what text NOT NULL,
    amount float8 NOT NULL, ts bigint NOT NULL);
CREATE INDEX read_guard_alerts_user ON read_guard_alerts (user_id, ts);
