#!/usr/bin/env bash
# Installs the real clients of the client matrix that apt does not bring: paho-mqtt and MQTT.js, in their pinned
# versions, inside the checkout. Does nothing where they are up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=clients/paho/requirements.txt
if ! cmp --silent "$requirements" .venv/installed.txt; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement "$requirements"
    cp "$requirements" .venv/installed.txt
fi

lock=clients/mqttjs/package-lock.json
if ! cmp --silent "$lock" clients/mqttjs/node_modules/.installed-lock.json; then
    npm ci --prefix clients/mqttjs --no-audit --no-fund
    cp "$lock" clients/mqttjs/node_modules/.installed-lock.json
fi
