-- Guests and their sponsors, who is of which organisation, who administers it, what the law asks for (chappe.agency). Empty where it is off.
CREATE INDEX events_retention ON events (room_nid) WHERE type = 'm.room.retention';
CREATE TABLE guests (  -- `reminded_days`: the last reminder that the sponsor was sent; `agent_since`: no guest any more
    user_id text PRIMARY KEY, sponsor text NOT NULL, purpose text NOT NULL, ends_ts bigint, created_ts bigint NOT NULL,
    reminded_days int, agent_since bigint);
CREATE INDEX guests_sponsor ON guests (sponsor);
CREATE TABLE guest_invitations (address text PRIMARY KEY, sponsor text NOT NULL, purpose text NOT NULL, ends_ts bigint);
CREATE TABLE organisation_people (user_id text PRIMARY KEY, organisation text NOT NULL, since_ts bigint NOT NULL);
CREATE INDEX organisation_people_of ON organisation_people (organisation);
CREATE TABLE organisation_moves (  -- the record of who came from where; `by_whom`: an administrator, or the account itself
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, from_organisation text, to_organisation text NOT NULL,
    by_whom text NOT NULL, ts bigint NOT NULL);
CREATE INDEX organisation_moves_user ON organisation_moves (user_id);
CREATE TABLE function_accounts (  -- a post rather than a person: held by one of several people at a time
    user_id text PRIMARY KEY, organisation text NOT NULL, holder text, since_ts bigint);
CREATE TABLE function_holders (user_id text REFERENCES function_accounts ON DELETE CASCADE, holder text, PRIMARY KEY (user_id, holder));
CREATE INDEX function_holders_of ON function_holders (holder);
CREATE TABLE function_turns (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, holder text NOT NULL, began_ts bigint NOT NULL,
    ended_ts bigint);
CREATE INDEX function_turns_of ON function_turns (user_id, began_ts);
CREATE TABLE former_accounts (  -- what an account that was ended looked like, until that is forgotten as well
    user_id text PRIMARY KEY, profile bytea NOT NULL, addresses text[] NOT NULL, organisation text, ended_ts bigint NOT NULL);
CREATE TABLE administrators (  -- of one organisation; those of the whole installation are users.is_admin
    user_id text, organisation text REFERENCES organisations ON DELETE CASCADE, granted_by text NOT NULL, granted_ts bigint NOT NULL,
    PRIMARY KEY (user_id, organisation));
CREATE TABLE critical_requests (  -- what waits for a second person; `outcome`: done, refused, failed: …, withdrawn
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organisation text NOT NULL, action text NOT NULL, arguments text NOT NULL,
    asked_by text NOT NULL, asked_ts bigint NOT NULL, decided_by text, decided_ts bigint, outcome text);
CREATE INDEX critical_requests_waiting ON critical_requests (organisation) WHERE decided_ts IS NULL;
CREATE TABLE announcements (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organisation text NOT NULL, room_id text, sender text NOT NULL, body text NOT NULL,
    created_ts bigint NOT NULL, recipients bigint NOT NULL);
CREATE TABLE announcement_queue (announcement bigint, user_id text, PRIMARY KEY (announcement, user_id));
CREATE TABLE monthly_statistics (  -- counts only; `organisation` is '' for the whole installation
    month text, organisation text, name text, value bigint NOT NULL, PRIMARY KEY (month, organisation, name));
CREATE TABLE legal_holds (  -- nothing of the target is deleted while `lifted_ts` is not there
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, target text NOT NULL, authority text NOT NULL, reference text NOT NULL,
    placed_by text NOT NULL, placed_ts bigint NOT NULL, lifted_by text, lifted_ts bigint, lifted_for text);
CREATE INDEX legal_holds_active ON legal_holds (target) WHERE lifted_ts IS NULL;
CREATE TABLE encrypted_files (  -- which files an encrypted message holds, as its sender's client says
    server_name text, media_id text, event_id text, PRIMARY KEY (event_id, server_name, media_id));
CREATE INDEX events_classification ON events (room_nid) WHERE type = 'chappe.classification';
CREATE TABLE held_events (  -- what was said and has been redacted since, while a legal hold keeps it
    event_id text PRIMARY KEY, room_id text NOT NULL, sender text NOT NULL, json bytea NOT NULL, kept_ts bigint NOT NULL);
CREATE FUNCTION keep_held_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE room text := (SELECT room_id FROM rooms WHERE room_nid = OLD.room_nid);
BEGIN
    IF EXISTS (SELECT 1 FROM legal_holds WHERE lifted_ts IS NULL AND target IN (OLD.sender, room)) THEN
        INSERT INTO held_events VALUES (OLD.event_id, room, OLD.sender, OLD.json, extract(epoch FROM clock_timestamp()) * 1000)
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER events_held AFTER UPDATE OF redacted_by ON events FOR EACH ROW
    WHEN (OLD.redacted_by IS NULL AND NEW.redacted_by IS NOT NULL) EXECUTE FUNCTION keep_held_event();
CREATE TABLE exports (  -- packages that are asked for, made, fetched, and gone after a week; `organisation` is '' for one's own data
    id text PRIMARY KEY, organisation text NOT NULL, kind text NOT NULL, target text NOT NULL, asked_by text NOT NULL,
    created_ts bigint NOT NULL, state text NOT NULL, started_ts bigint, size bigint, detail text);
CREATE INDEX exports_of ON exports (organisation, created_ts);
CREATE INDEX events_created ON events (sender) WHERE type = 'm.room.create';
ALTER TABLE organisations ADD COLUMN colour text, ADD COLUMN rules text NOT NULL DEFAULT '{}';
CREATE INDEX read_guard_hour ON read_guard (hour);
DELETE FROM read_guard_alerts a USING read_guard_alerts b  -- each process told of an organisation, before
 WHERE a.step = 'organisation' AND b.step = a.step AND b.user_id = a.user_id AND b.ts / 3600000 = a.ts / 3600000 AND b.id < a.id;
CREATE UNIQUE INDEX read_guard_alerts_organisation ON read_guard_alerts (user_id, (ts / 3600000)) WHERE step = 'organisation';
-- A state resolution asks who cites an event: looked up, not searched through a list of what was added since the last vacuum.
ALTER INDEX auth_events_cited SET (fastupdate = off);
SELECT gin_clean_pending_list('auth_events_cited');
