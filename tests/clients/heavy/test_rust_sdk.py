"""matrix-rust-sdk, which Element X is built on: its own integration tests, which are made for Synapse."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.clients.conftest import Watch
from tests.clients.heavy.installed import FOLDER, needs, run, source
from tests.support import Server

COMMIT = "1c44fb66214667c6d00acaf72ab592493653708b"  # matrix-sdk 0.18.0
PACKAGE = "matrix-sdk-integration-testing"
PORT = 8228  # where the tests look for a server
TESTS = 51  # of 56: five the SDK leaves out itself
# Of these its lock file has forks, for platforms that are none of ours: those of the registry serve here.
UNPATCHED = {
    "const_panic": "0.2.17",
    "tracing": "0.1.44",
    "tracing-attributes": "0.1.31",
    "tracing-core": "0.1.36",
    "tracing-log": "0.2.0",
    "tracing-subscriber": "0.3.23",
}
# Tests that fail, always or most of the time, for a reason outside of Chappe (docs/clients.md has more of it).
SIGNED_OUT = "asks for a profile with the token of a session that it has ended: Synapse looks at no token there"
RACE_OF_KEYS = (
    "ends a device whose connection for keys had no answer since its last message: only with one are its keys backed up"
)
RACE_OF_EVENTS = "counts on an answer between a message and the reaction to it; where one has both, it tells the last alone"
NO_END = "counts on `end` in a page that comes to the newest event, where the specification has none"
FAIL = {
    "tests::e2ee::shared_history::test_history_share_on_invite": SIGNED_OUT,
    "tests::e2ee::shared_history::test_history_share_on_invite_exclude_insecure_devices": SIGNED_OUT,
    "tests::room::test_event_with_context": NO_END,
    "tests::room::test_latest_event_few_rooms": RACE_OF_EVENTS,
    "tests::timeline::test_latest_thread_event_is_redecrypted_and_updated": RACE_OF_KEYS,
    "tests::timeline::test_permalink_timelines_redecrypt": RACE_OF_KEYS,
    "tests::timeline::test_pinned_events_are_decrypted_after_recovering_with_event_in_timeline": RACE_OF_KEYS,
    "tests::timeline::test_pinned_events_are_decrypted_after_recovering_with_event_not_in_timeline": RACE_OF_KEYS,
}


async def built() -> Path:
    """The tests' program. Takes minutes the first time."""
    folder, cargo = await source("rust-sdk", "matrix-org/matrix-rust-sdk", COMMIT), needs("cargo")
    environment = {"CARGO_TARGET_DIR": str(FOLDER / "rust-sdk.target")}
    if "[patch.crates-io]" in (folder / "Cargo.toml").read_text():
        alone(folder / "Cargo.toml")
        await run(cargo, "fetch", "--quiet", cwd=folder, seconds=1200)
        for name, version in UNPATCHED.items():
            await run(cargo, "update", "--quiet", "--package", name, "--precise", version, cwd=folder)
    options = ("--no-run", "--locked", "--package", PACKAGE, "--message-format", "json-render-diagnostics")
    output = await run(cargo, "test", *options, cwd=folder, env=environment, seconds=7200)
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    (program,) = [line["executable"] for line in lines if line.get("executable") and line["profile"]["test"]]
    return Path(program)


def alone(manifest: Path) -> None:
    """Leaves the tests, and what they need, of the workspace: bindings and tools fetch much more, from elsewhere than the registry."""
    text = re.sub(r"members = \[.*?\]", f'members = ["testing/{PACKAGE}"]', manifest.read_text(), count=1, flags=re.DOTALL)
    text = re.sub(r"^default-members = .*\n", "", text, flags=re.MULTILINE)
    manifest.write_text(text.partition("[patch.crates-io]")[0])


async def outcome(program: Path, folder: Path, *options: str) -> tuple[int, dict[str, str]]:
    """(how many pass, the end of what those say that fail)."""
    output = await run(program, *options, cwd=folder, fails=None, seconds=3000)
    passed = re.search(r"^test result: \w+\. (\d+) passed", output, re.MULTILINE)
    assert passed is not None, output[-6000:]
    names = re.findall(r"^test (\S+) \.\.\. FAILED$", output, re.MULTILINE)
    said = {name: output.partition(f"---- {name} stdout ----")[2].partition("\n---- ")[0][-3000:] for name in names}
    return int(passed[1]), said


async def test_its_own_tests(new_server: Callable[..., Awaitable[Server]], watch: Watch, tmp_path: Path) -> None:
    """What fails beside others is run once more by itself: the tests wait for some seconds only, whatever the machine is doing."""
    program = await built()
    await watch(await new_server(), "rust-sdk", PORT)
    passed, failed = await outcome(program, tmp_path, "--test-threads=2")
    assert passed + len(failed) == TESTS
    again: dict[str, str] = {}
    for name in sorted(failed.keys() - FAIL.keys()):
        again |= (await outcome(program, tmp_path, "--exact", name))[1]
    assert not again, "\n\n".join(f"{name}\n{said}" for name, said in again.items())
