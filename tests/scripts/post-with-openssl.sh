#!/usr/bin/env bash
# Records a deployment with nothing but bash, openssl (3.0 or newer) and curl.
#
#   post-with-openssl.sh KEY.pem SERVICE ENVIRONMENT VERSION [OUTCOME]
#
# KEY.pem is the private key of a registered producer (openssl genpkey -algorithm ed25519 -out KEY.pem).
# SHIPSLOG_URL is the address of the service; http://127.0.0.1:8080 if it is not set.
# Leaves envelope.json and receipt.json in the current directory and prints the receipt. Running it again with the
# same envelope is safe: the service knows an event by its id and answers with the first receipt.
set -euo pipefail
export LC_ALL=C # lengths are counted in bytes

if [ $# -lt 4 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
key=$1 service=$2 environment=$3 version=$4 outcome=${5:-success}
url=${SHIPSLOG_URL:-http://127.0.0.1:8080}
type=application/vnd.cdevents+json

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A JSON string. Control characters have no place in a name and are left out.
json() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    printf '"%s"' "$(printf '%s' "$text" | tr -d '\000-\037')"
}

# 1. The event: a CDEvent, with what CDEvents has no place for in customData.shipslog.
printf '{"context":{"specversion":"0.5.1","id":"%s","source":"shell","type":"%s","timestamp":"%s"},' \
    "$(openssl rand -hex 16)" dev.cdeventsx.shipslog-deployment.finished.0.1.0 "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$work/event"
printf '"subject":{"id":"%s","content":{"artifactId":%s,"environment":{"id":%s},"outcome":%s}},' \
    "$(openssl rand -hex 8)" "$(json "pkg:generic/$service@$version")" "$(json "$environment")" "$(json "$outcome")" >>"$work/event"
printf '"customData":{"shipslog":{"service":%s,"version":%s}}}' "$(json "$service")" "$(json "$version")" >>"$work/event"

# 2. What is signed: the DSSE pre-authentication encoding of the event. openssl wants it in a file.
{
    printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(wc -c <"$work/event")"
    cat "$work/event"
} >"$work/pae"
openssl pkeyutl -sign -rawin -inkey "$key" -in "$work/pae" -out "$work/signature"

# 3. The envelope. The key id is a hint: the SHA-256 of the public key.
keyid=$(openssl pkey -in "$key" -pubout -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1)
printf '{"payloadType":"%s","payload":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}' \
    "$type" "$(openssl base64 -A -in "$work/event")" "$keyid" "$(openssl base64 -A -in "$work/signature")" >envelope.json

# 4. Posted; the answer is the receipt.
curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused \
    -H 'Content-Type: application/vnd.dsse.envelope.v1+json' --data-binary @envelope.json \
    "$url/v1/events" >receipt.json || {
    code=$?
    cat receipt.json >&2
    exit "$code"
}
cat receipt.json
printf '\n'
