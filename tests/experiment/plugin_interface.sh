#!/bin/sh
# SPDX-License-Identifier: MIT
# plugin_interface.sh SOURCE COMPILER: what plug-ins are compiled against is what INS_PLUGIN_VERSION says.
# Declarations count, comments and spaces do not; tests/experiment/plugin/interface.txt knows those of the version.
set -e
cd "$1"
compiler=$2
record=tests/experiment/plugin/interface.txt
version=$(sed -n 's/.*INS_PLUGIN_VERSION = \([0-9]*\).*/\1/p' include/insilico/plugin.h)
headers=$("$compiler" -MM -Iinclude include/insilico/plugin.h | tr -d '\\' | tr ' ' '\n' | grep '^include/' | LC_ALL=C sort)
[ "$(echo "$headers" | wc -l)" -gt 10 ] || { echo "FAILED: the headers of a plug-in cannot be listed" >&2; exit 1; }
now=$(for header in $headers; do
  echo "$header"
  # Directives stay as they are; only comments and spaces go.
  "$compiler" -fpreprocessed -dD -E -P "$header" | tr -d ' \t\n'
done | sha256sum | cut -d' ' -f1)
[ "$version $now" = "$(cat "$record")" ] && exit 0
cat >&2 <<END
FAILED: what plug-ins are compiled against has changed.
If a plug-in that was compiled before would now be wrong, raise INS_PLUGIN_VERSION in include/insilico/plugin.h.
Then $record is the one line
$version $now
END
exit 1
