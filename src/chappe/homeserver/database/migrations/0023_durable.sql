-- What is answered is done; the clock is evidence.

-- When the time was last believed (database/server_time.py). `confirmed` counts what operators have said.
CREATE TABLE time_evidence (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seen_ts bigint NOT NULL,
    is_told boolean NOT NULL DEFAULT false,
    confirmed int NOT NULL DEFAULT 0
);
