CREATE TABLE audit_authors (  -- who has done something that concerned an organisation ('': none), of the audit log
    organisation text, actor text, PRIMARY KEY (organisation, actor));
-- What an entry concerned, as `agency/audit.py` reads it: a detail that holds U+0000 is JSON that PostgreSQL does not read.
INSERT INTO audit_authors
SELECT DISTINCT coalesce(CASE WHEN strpos(detail, '\u0000') = 0 THEN detail::jsonb->>'organisation' END, ''), actor FROM audit;
CREATE INDEX audit_organisation ON audit ((CASE WHEN strpos(detail, '\u0000') = 0 THEN detail::jsonb->>'organisation' END), number);
CREATE INDEX audit_actor ON audit (actor, number);
CREATE INDEX audit_action ON audit (action, number);
CREATE INDEX audit_ts ON audit (ts);
-- The files that the console lists, of all that there are.
CREATE INDEX scan_results_stopped ON scan_results (server_name, media_id) WHERE reason IS NOT NULL;
CREATE INDEX media_quarantined ON media (server_name, media_id) WHERE quarantined_by IS NOT NULL;
