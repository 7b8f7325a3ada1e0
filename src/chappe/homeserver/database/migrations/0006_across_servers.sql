-- Addresses that people of other servers have bound at this identity service.
CREATE TABLE bound_elsewhere (
    medium text, address text, user_id text NOT NULL, lookup_hash bytea NOT NULL, bound_ts bigint NOT NULL,
    PRIMARY KEY (medium, address));
CREATE INDEX bound_elsewhere_lookup ON bound_elsewhere (lookup_hash);
