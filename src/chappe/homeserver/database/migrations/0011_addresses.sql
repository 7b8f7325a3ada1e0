-- What the grammar of addresses no longer takes proves nothing: encoded words, and the routes of old relays.
DELETE FROM threepids WHERE medium = 'email' AND address ~ '=\?|[%!]';
DELETE FROM validation_sessions WHERE medium = 'email' AND address ~ '=\?|[%!]';
DELETE FROM outgoing_mail WHERE recipient ~ '=\?|[%!]';
