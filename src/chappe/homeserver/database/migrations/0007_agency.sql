-- The public-sector layer (chappe.agency). Empty where it is off.
CREATE TABLE organisations (
    name text PRIMARY KEY, label text NOT NULL, home text NOT NULL, requires_invite boolean NOT NULL);
CREATE TABLE organisation_addresses (  -- an address, a domain, `*.domain`, or `*`
    pattern text PRIMARY KEY, organisation text NOT NULL REFERENCES organisations ON DELETE CASCADE);
