-- How much an account, and everybody, has uploaded in the last day.
CREATE INDEX media_of_user ON media (user_id, created_ts) INCLUDE (size);
CREATE INDEX media_created ON media (created_ts) INCLUDE (size);
