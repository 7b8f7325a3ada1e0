-- Everything by which an account acts ends with the session that it came from, and asks how the account stands.
DELETE FROM identity_tokens;  -- they had no end; clients ask for another by themselves
ALTER TABLE identity_tokens ADD COLUMN device_id text, ADD COLUMN expires_ts bigint NOT NULL;
CREATE INDEX identity_tokens_user ON identity_tokens (user_id);
ALTER TABLE openid_tokens ADD COLUMN device_id text;
CREATE INDEX openid_tokens_user ON openid_tokens (user_id);
ALTER TABLE login_tokens ADD COLUMN device_id text;  -- of the session that asked for it; NULL: none did
CREATE INDEX users_owner ON users (owner) WHERE owner IS NOT NULL;
-- Bots that bots have made are those of the person behind them.
WITH RECURSIVE chain AS (
    SELECT u.user_id, u.owner, 1 AS depth FROM users u JOIN users o ON o.user_id = u.owner AND o.kind = 'bot'
    UNION ALL
    SELECT c.user_id, o.owner, c.depth + 1 FROM chain c JOIN users o ON o.user_id = c.owner
     WHERE o.kind = 'bot' AND o.owner IS NOT NULL AND c.depth < 100),
behind AS (SELECT DISTINCT ON (user_id) user_id, owner FROM chain ORDER BY user_id, depth DESC)
UPDATE users u SET owner = b.owner FROM behind b WHERE u.user_id = b.user_id;
UPDATE users u SET owner = f.holder FROM function_accounts f WHERE f.user_id = u.user_id AND f.holder IS NOT NULL;
UPDATE users SET password_hash = NULL WHERE kind IN ('function', 'bot');  -- nobody knows one, nobody shall
DELETE FROM threepids t USING users u WHERE u.user_id = t.user_id AND u.kind IN ('function', 'bot');
-- All refresh tokens that came from one sign-in; a token that was replaced is known by its family.
ALTER TABLE refresh_tokens ADD COLUMN family bytea;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family) WHERE family IS NOT NULL;
-- Up to when accounts that have expired were told of it, so that what must end then ends once.
INSERT INTO progress VALUES ('expired accounts', 0);
