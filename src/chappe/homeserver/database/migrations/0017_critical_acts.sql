-- Critical acts at every door: where a request came from, when its agreement was used; who may agree.
ALTER TABLE critical_requests ADD COLUMN door text NOT NULL DEFAULT 'console', ADD COLUMN used_ts bigint;
CREATE TABLE accounts_opened (  -- by whom an account could have been used: who set its password, gave it rights …, and when last
    user_id text, by text, ts bigint NOT NULL, PRIMARY KEY (user_id, by));
ALTER TABLE totp_secrets ADD COLUMN confirmed_ts bigint NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN admin_since_ts bigint;
UPDATE users SET admin_since_ts = 0 WHERE is_admin;
CREATE FUNCTION note_admin_since() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.admin_since_ts := CASE WHEN NEW.is_admin THEN extract(epoch FROM clock_timestamp()) * 1000 END;
    RETURN NEW;
END $$;
CREATE TRIGGER users_admin_made BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.is_admin) EXECUTE FUNCTION note_admin_since();
CREATE TRIGGER users_admin_changed BEFORE UPDATE OF is_admin ON users FOR EACH ROW
    WHEN (OLD.is_admin IS DISTINCT FROM NEW.is_admin) EXECUTE FUNCTION note_admin_since();
