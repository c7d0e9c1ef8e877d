#!/bin/sh
# SPDX-License-Identifier: MIT
# The battery finds what was planted in the built-in retina: truth.sh PYTHON [NEURONS]
. "$(dirname "$0")/lib.sh"
neurons=${2:-192}
here=$(cd "$(dirname "$0")" && pwd)
run 2 "$here/truth.yaml" "model='builtin:ground_truth?neurons=$neurons'" output="$scratch/truth.h5" ||
  fail "the battery"
"$1" "$here/truth_reads.py" "$scratch/truth.h5" || fail "what was planted is not found"

# The cells that a person would choose are those that were planted.
"$INSILICO" select "$scratch/truth.h5" 'dsi_vector_sum > 0.2 & q < 0.05' --json >"$scratch/found" || fail select
"$INSILICO" select "$scratch/truth.h5" "truth_preferred_direction_deg >= 0" --json >"$scratch/planted" || fail select
"$1" - "$scratch/found" "$scratch/planted" <<'END' || fail "select finds other cells"
import json, sys
found, planted = (json.load(open(path))["neurons"] for path in sys.argv[1:])
assert found == planted, set(found) ^ set(planted)
END
