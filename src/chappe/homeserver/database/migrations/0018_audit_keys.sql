-- Which key has sealed an entry of the audit log; NULL: from before there were keys.
ALTER TABLE audit ADD COLUMN key_id text;
