CREATE TABLE read_guard_past (  -- what was read of what was said before one came: `events` by number, on the day they were first read
    user_id text, day bigint, events bigint[] NOT NULL, PRIMARY KEY (user_id, day));
CREATE INDEX read_guard_past_day ON read_guard_past (day);
