#!/bin/sh
# keep.sh FOLDER COMMAND…: runs the command until it ends or standard input does; then the folder goes.
# fleetctl holds the other end of standard input, so that the command ends with fleetctl however that ends.
folder=$1
shift
# Ctrl-C is fleetctl's; whoever else ends this still gets the folder removed.
trap '' INT
trap : HUP TERM
# Standard error is the command's alone, and may have lost its reader.
exec 3<&0 4>&2 2>/dev/null
"$@" </dev/null 2>&4 3<&- 4>&- &
command=$!
exec 4>&-
{ cat <&3; kill "$command"; } >/dev/null &
watch=$!
wait "$command"
kill "$command" "$watch"
rm -rf "$folder"
