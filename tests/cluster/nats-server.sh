#!/usr/bin/env bash
# Prints the path of a nats-server program, fetched from Debian if there is none: the tests of the
# cluster need a real one. It is put into the build folder and nothing is installed.
set -euo pipefail
target="${CARGO_TARGET_DIR:-$(cd "$(dirname "$0")/../.." && pwd)/target}"
folder="$target/nats-server"
program="$folder/usr/sbin/nats-server"

if [ -n "${NATS_SERVER:-}" ]; then
  echo "$NATS_SERVER"
  exit
fi
if [ ! -x "$program" ]; then
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keyring] http://deb.debian.org/debian trixie main" > "$folder/sources.list"
  # A list of its own: the machine's packages stay those of its own release.
  apt=(apt-get -q
    -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache"
    -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  (cd "$folder" && "${apt[@]}" download nats-server/trixie >&2 && dpkg-deb -x nats-server_*.deb .)
fi
echo "$program"
