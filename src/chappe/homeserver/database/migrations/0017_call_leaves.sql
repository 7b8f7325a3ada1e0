-- The leave that somebody has left with us: sent when the SFU sees them no more, put off while it does.
ALTER TABLE call_participants ADD COLUMN delay_id text, ADD COLUMN restarted_ts bigint, ADD COLUMN gone_ts bigint;
CREATE INDEX call_participants_delegated ON call_participants (sfu, alias) WHERE delay_id IS NOT NULL;
