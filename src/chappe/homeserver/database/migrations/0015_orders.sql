CREATE TABLE order_letters (  -- of which order a person was told by mail: once of each, and not too often
    user_id text, event_id text, room_nid bigint NOT NULL, sent_ts bigint NOT NULL, PRIMARY KEY (user_id, event_id));
CREATE INDEX order_letters_sent ON order_letters (sent_ts);
