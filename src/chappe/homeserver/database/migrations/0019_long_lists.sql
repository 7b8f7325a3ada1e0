-- By which the console's lists are read page after page, however long what they are taken from.
CREATE INDEX room_summaries_joined ON room_summaries (joined, room_nid) WHERE joined > 0;
CREATE INDEX room_organisations_of ON room_organisations (organisation);
CREATE INDEX events_create ON events (room_nid) WHERE type = 'm.room.create';
CREATE INDEX guests_ends ON guests ((coalesce(ends_ts, 9223372036854775807)), user_id) WHERE agent_since IS NULL;
CREATE INDEX former_accounts_ended ON former_accounts (ended_ts, user_id);
CREATE INDEX former_accounts_of ON former_accounts (organisation, ended_ts, user_id);
