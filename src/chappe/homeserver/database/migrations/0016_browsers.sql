-- Which browser's sign-in a session came from: a provider that signs somebody out there signs them out here.
ALTER TABLE login_tokens ADD COLUMN browser bytea;
ALTER TABLE devices ADD COLUMN browser bytea;
CREATE INDEX devices_browser ON devices (browser) WHERE browser IS NOT NULL;
