-- Browsers from which an account has signed in: strangers' wrong guesses do not keep it out there.
CREATE TABLE known_browsers (
    user_id text NOT NULL REFERENCES users, browser_hash bytea NOT NULL, last_ts bigint NOT NULL, PRIMARY KEY (user_id, browser_hash));
CREATE INDEX known_browsers_last ON known_browsers (last_ts);
