#!/bin/sh
# Puts one WAL segment into the archive; PostgreSQL's archive_command calls it:
#
#   archive_command = '/usr/local/bin/archive-wal "%p" /var/backups/ledger/wal'
#
# The segment is complete and synced before it has its name, and a name is given once: a link does not
# replace. A segment that is there with the same bytes is done (PostgreSQL may ask again after a crash);
# with other bytes it is somebody else's, and PostgreSQL keeps its own and tries again.
set -eu

segment=$1
archive=$2
name=$(basename "$segment")
part="$archive/.$name.$$"

trap 'rm -f "$part"' EXIT
if [ -e "$archive/$name" ]; then
    cmp -s "$segment" "$archive/$name" && exit 0
    echo "archive-wal: $archive/$name is there already, with other bytes" >&2
    exit 1
fi
cp "$segment" "$part"
sync "$part"
ln "$part" "$archive/$name"
sync "$archive"
