#!/bin/sh
# Installs what the browser tests drive: Debian's Chromium and Firefox ESR.
set -eu
missing=""
command -v chromium >/dev/null || missing="$missing chromium"
command -v firefox-esr >/dev/null || missing="$missing firefox-esr"
fc-list 2>/dev/null | grep -qi emoji || missing="$missing fonts-noto-color-emoji"
fc-list 2>/dev/null | grep -qi liberation || missing="$missing fonts-liberation"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The browser tests need:$missing. Please install them (Debian: sudo apt-get install$missing)." >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
