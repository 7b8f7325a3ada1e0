-- Who does what must be done by one process at a time, and when it was last done.
CREATE TABLE leases (
    name text PRIMARY KEY,
    holder text NOT NULL,
    held_until timestamptz NOT NULL,
    done timestamptz
);
