# SPDX-License-Identifier: MIT
"""The program against a remote with every trouble: faults.py [CASE...], INSILICO names the program."""
import cases_names  # noqa: F401, each adds its cases
import cases_surroundings  # noqa: F401
import cases_transfers  # noqa: F401
from harness import main

main()
