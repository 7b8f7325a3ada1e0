-- What the program speaks in which somebody was seen last: mails to them are in it (fr, en; NULL: their domain's).
ALTER TABLE users ADD COLUMN language text;
