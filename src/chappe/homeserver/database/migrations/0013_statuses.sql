-- What people choose to be (busy, in a meeting, away) until when, beside what their devices say.
ALTER TABLE presence ADD COLUMN chosen text, ADD COLUMN chosen_text text, ADD COLUMN until_ts bigint,
    ADD COLUMN is_silent boolean NOT NULL DEFAULT false;
CREATE INDEX presence_until ON presence (until_ts) WHERE until_ts IS NOT NULL;
