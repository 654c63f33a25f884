#!/bin/sh
# Runs a command with a message bus and an unlocked GNOME keyring of its own, both gone when it ends: keyring.sh COMMAND [ARGUMENT…]
# Needs dbus-run-session and gnome-keyring-daemon (Debian: dbus-daemon, gnome-keyring). Touches nobody's real keyring.
set -e
if [ "$1" != --inside ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mkdir -m 700 "$folder/runtime"
  HOME=$folder XDG_RUNTIME_DIR=$folder/runtime XDG_DATA_HOME=$folder/data XDG_CACHE_HOME=$folder/cache dbus-run-session -- sh "$0" --inside "$@"
  exit
fi
shift
printf 'a password of this test' | gnome-keyring-daemon --unlock --components=secrets --control-directory="$XDG_RUNTIME_DIR/keyring" >/dev/null
"$@"
