-- Federation: whose keys sign what.
CREATE TABLE old_signing_keys (  -- of hosted domains: no longer signed with, still good for what they signed
    server_name text REFERENCES domains, key_id text, public_key text NOT NULL, expired_ts bigint NOT NULL,
    PRIMARY KEY (server_name, key_id));
CREATE TABLE server_keys (  -- of other servers; expired_ts: set for old keys
    server_name text, key_id text, public_key text NOT NULL, valid_until_ts bigint NOT NULL, expired_ts bigint,
    PRIMARY KEY (server_name, key_id));
CREATE TABLE server_key_documents (  -- as they were answered, for those who ask this server as a notary
    server_name text PRIMARY KEY, document bytea NOT NULL, fetched_ts bigint NOT NULL);
