-- A key of another server is good for a week after it was fetched, whatever the server said.
UPDATE server_keys SET valid_until_ts = least(valid_until_ts, (extract(epoch FROM now()) * 1000)::bigint + 604800000);
