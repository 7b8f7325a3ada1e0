#!/bin/sh
# Starts Chappe as the conformance suite Complement expects a server: its name is $SERVER_NAME, its certificate is of Complement's
# authority, clients come to port 8008, servers to 8448, and what it keeps lies in /data.
set -eu
data=/data
if [ ! -e "$data/server.crt" ]; then
    mkdir -p "$data"
    openssl req -newkey rsa:2048 -nodes -keyout "$data/server.key" -subj "/CN=$SERVER_NAME" -out "$data/server.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s\n' "$SERVER_NAME" >"$data/server.ext"
    openssl x509 -req -in "$data/server.csr" -extfile "$data/server.ext" -days 30 -out "$data/server.crt" \
        -CA /complement/ca/ca.crt -CAkey /complement/ca/ca.key -set_serial "$(date +%s%N)" 2>/dev/null
fi
services=""
for file in /complement/appservice/*.yaml; do
    [ -e "$file" ] && services="$services\"$file\", "
done
cat >"$data/chappe.toml" <<SETTINGS
server_name = "$SERVER_NAME"
extra_ca_file = "/complement/ca/ca.crt"
rate_limits_enabled = false
access_log = false
log_level = "${LOG_LEVEL:-warning}"
web_client = false
application_services = [$services]
server_notices_name = "Server Alert"
server_notices_account = "_server"
server_notices_by_invitation = true
people_find_colleagues = false

[registration]
open = true
guests = true
shared_secret = "complement"

[passwords]
memory_kib = 8
passes = 1
minimum_length = 1

[federation]
mode = "open"
allow_private_addresses = true
device_names = true

[url_previews]
allowed_private_hosts = ["host.docker.internal"]

[[listeners]]
address = "${ADDRESS:-0.0.0.0}"
port = 8008

[[listeners]]
address = "${ADDRESS:-0.0.0.0}"
port = 8448
tls_certificate = "$data/server.crt"
tls_key = "$data/server.key"
SETTINGS
exec chappe serve --data "$data" --config "$data/chappe.toml"
