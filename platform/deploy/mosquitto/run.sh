#!/bin/sh
# Run mosquitto and reload it when the platform changed the credentials: SIGHUP cannot cross containers.
#
#   CREDENTIALS  folder the platform writes `passwords` and `acl` into (read-only here)
#   RUNTIME      folder for the copies mosquitto reads: private, whole, never half-written
#   CONFIG       mosquitto's configuration
#   INTERVAL     seconds between two looks
set -eu

CREDENTIALS=${CREDENTIALS:-/mosquitto/credentials}
RUNTIME=${RUNTIME:-/run/mosquitto}
CONFIG=${CONFIG:-/mosquitto/config/mosquitto.conf}
INTERVAL=${INTERVAL:-1}

# Copy what the platform wrote; a missing file is an empty one, which lets nobody in.
take() {
    for name in passwords acl; do
        if [ -r "$CREDENTIALS/$name" ]; then
            cat "$CREDENTIALS/$name" >"$RUNTIME/$name.new"
        else
            : >"$RUNTIME/$name.new"
        fi
        chmod 0600 "$RUNTIME/$name.new"
        mv "$RUNTIME/$name.new" "$RUNTIME/$name"
    done
}

# What is there now, as one word; the platform replaces a file by renaming, so a read is always a whole file.
state() {
    cat "$CREDENTIALS/passwords" "$CREDENTIALS/acl" 2>/dev/null | sha256sum
}

umask 077
seen=$(state)
take
broker=
trap '[ -z "$broker" ] || kill -TERM "$broker" 2>/dev/null' TERM INT
mosquitto -c "$CONFIG" &
broker=$!

while kill -0 "$broker" 2>/dev/null; do
    sleep "$INTERVAL" &
    wait $! || true
    now=$(state)
    if [ "$now" != "$seen" ]; then
        seen=$now
        take
        kill -HUP "$broker" 2>/dev/null || true
    fi
done
wait "$broker"
