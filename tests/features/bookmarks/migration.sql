CREATE TABLE bookmarks (
    user_id text NOT NULL,
    room_nid bigint NOT NULL,
    event_id text NOT NULL,
    is_kept boolean NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (user_id, room_nid, event_id)
);
CREATE INDEX bookmarks_changed ON bookmarks (user_id, position);
