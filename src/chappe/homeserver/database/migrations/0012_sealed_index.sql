-- What the devices of a person have read, sealed by them for each other, in parts: nobody else can open it.
CREATE TABLE sealed_index (
    user_id text, part text, sealed bytea NOT NULL, written_ts bigint NOT NULL, PRIMARY KEY (user_id, part));
ALTER TABLE sealed_index ALTER COLUMN sealed SET STORAGE EXTERNAL;  -- it cannot be made smaller
