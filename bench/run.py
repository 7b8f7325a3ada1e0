"""Measures a throw-away Chappe: `make bench`, or with Synapse beside it (see docs/performance.md).

python bench/run.py [--synapse | --rules] [options of mxbench.py, for example --quick or --phases send,join]

--rules: beside it the same with every rule of the public-sector layer on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    arguments = sys.argv[1:]
    targets = ["--target", "targets/chappe.json"]
    if "--synapse" in arguments:
        arguments.remove("--synapse")
        if "PEERS" not in os.environ:
            sys.exit("set PEERS to the folder that setup_synapse.sh prepared")
        targets = ["--target", "targets/synapse-pg.json", *targets]
    if "--rules" in arguments:
        arguments.remove("--rules")
        targets += ["--target", "targets/chappe-rules.json"]
    with tempfile.TemporaryDirectory(prefix="chappe-bench-") as work:
        os.chmod(work, 0o755)
        environment = {
            **os.environ, "CHAPPE_BIN": str(Path(sys.executable).parent / "chappe"), "CHAPPE_DATA": f"{work}/data", "CHAPPE_WORK": work,
            "CHAPPE_BENCH": str(HERE),
        }  # fmt: skip
        command = [sys.executable, "mxbench.py", *targets, "--fresh", *(arguments or ["--quick"])]
        return subprocess.run(command, cwd=HERE, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
