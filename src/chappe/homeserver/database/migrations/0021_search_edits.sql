-- A message is found by the words of its latest edit: `edit` says which one, so that the words go with it when it is redacted.
-- The index is made anew from the log: words of edits that were redacted earlier are still in it.
TRUNCATE event_search;
ALTER TABLE event_search ADD COLUMN edit text;
CREATE INDEX event_search_edit ON event_search (edit) WHERE edit IS NOT NULL;
UPDATE progress SET position = 0 WHERE name = 'search';
