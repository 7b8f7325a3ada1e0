-- Addresses that people of other servers have bound at this identity service.
CREATE TABLE bound_elsewhere (
    medium text, address text, user_id text NOT NULL, lookup_hash bytea NOT NULL, bound_ts bigint NOT NULL,
    PRIMARY KEY (medium, address));
CREATE INDEX bound_elsewhere_lookup ON bound_elsewhere (lookup_hash);
-- Rooms that were entered before all their members were here: those come afterwards (MSC3902).
CREATE TABLE partial_rooms (  -- `event_id`: the join, the state before which is asked for; `servers`: those in the room
    room_nid bigint PRIMARY KEY, event_id text NOT NULL, servers text[] NOT NULL);
ALTER TABLE memberships ADD COLUMN retold bigint;  -- where the room was told to its members anew
