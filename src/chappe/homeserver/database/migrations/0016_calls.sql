-- Who was let into a call: whoever may be there no longer is put out of it, by whatever process, also after a restart.
CREATE TABLE call_participants (
    sfu text, alias text, identity text,  -- what LiveKit knows: its name here, its room, its participant
    room_id text NOT NULL, user_id text NOT NULL, device_id text,  -- none: not by a session of here
    expires_ts bigint NOT NULL,  -- until when they can come in by what they were given
    is_ended boolean NOT NULL DEFAULT false, put_out_ts bigint,
    PRIMARY KEY (sfu, alias, identity));
CREATE INDEX call_participants_user ON call_participants (user_id);
CREATE INDEX call_participants_room ON call_participants (room_id);
