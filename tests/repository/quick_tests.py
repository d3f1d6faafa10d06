"""The tests of the room that one works in, in under a minute: `make test-quick ROOM=services/money`.

Without a room: those of every room in which a file differs from `main`, and every test file that differs. What is
left out is in `make test`.
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
REPOSITORY: Final = "tests/repository/"

# What holds for every room.
STRUCTURE: Final = (
    f"{REPOSITORY}test_architecture.py",
    f"{REPOSITORY}test_english.py",
    f"{REPOSITORY}test_sql.py",
    f"{REPOSITORY}test_vocabulary.py",
)
# What holds for one: folders and files of tests. The longest name that fits a room counts.
ROOMS: Final[Mapping[str, tuple[str, ...]]] = {
    "benchmarks": (f"{REPOSITORY}test_benchmarks.py",),
    "cli": ("tests/cli",),
    "clients": ("tests/clients",),
    "database": ("tests/database",),
    "docs": (f"{REPOSITORY}documents", f"{REPOSITORY}test_habits.py"),
    "domain": ("tests/domain",),
    "execution": ("tests/execution",),
    "migrations": ("tests/database/test_migrations.py",),
    "models": ("tests/database/test_constraints.py", "tests/database/test_migrations.py"),
    "provider": ("tests/provider",),
    "resolvers": ("tests/api/reading", "tests/api/access/test_access.py"),
    "sandbox": ("tests/sandbox",),
    "schema": ("tests/schema", "tests/api/reading/test_reads.py"),
    "server": ("tests/server/access", "tests/server/http"),
    "server/access": ("tests/server/access", "tests/api/access/test_rates.py"),
    "server/graphql": ("tests/server/graphql",),
    "server/http": ("tests/server/http",),
    "server/pages": ("tests/api/pages",),
    "services": ("tests/api/payments/test_pay_and_refund.py", "tests/api/idempotency/test_idempotency.py"),
    "services/audit": ("tests/api/reading/test_audit.py", "tests/api/reading/test_audit_facts.py"),
    "services/inbox": ("tests/api/events",),
    "services/live": ("tests/live",),
    "services/money": (
        "tests/api/customers/test_off_session.py",
        "tests/api/customers/test_stripe_customers.py",
        "tests/api/customers/test_setup_intents.py",
        "tests/api/delayed/test_transfers.py",
        "tests/api/orders/test_partial_payments.py",
        "tests/api/orders/test_repricing.py",
        "tests/api/payments/test_failures.py",
        "tests/api/payments/test_pay_and_refund.py",
        "tests/api/payments/test_rules.py",
        "tests/api/idempotency/test_idempotency.py",
        "tests/api/idempotency/test_races.py",
        "tests/api/recovery/test_nothing_is_stuck.py",
    ),
    "services/reconciliation": ("tests/reconcile",),
    "settings": ("tests/settings",),
    "webhooks": ("tests/api/events",),
    "worker": ("tests/api/events/test_inbox.py", "tests/api/recovery/test_recovery.py"),
}
# What stands in those folders and takes too long. `make test` runs it.
LEFT_OUT: Final = (
    "tests/api/events/test_planted_by_stripe.py",
    "tests/api/reading/test_generated_operations.py",
    "tests/cli/test_database.py",
    "tests/cli/test_demo.py",
    "tests/cli/test_serving.py",
    "tests/cli/test_without_extras.py",
    "tests/database/test_another_user.py",
    "tests/database/test_embedded.py",
    "tests/execution/test_equivalence.py",
    "tests/live/test_processes.py",
    "tests/sandbox/http/test_comparison.py",
    "tests/server/graphql/test_scenarios_over_every_transport.py",
)


class NoRoom(Exception):
    """There is no such room; the text names those that there are."""


def paths_of(room: str) -> tuple[str, ...]:
    """The tests of a room, of a part of one, or of a file in it. Raises NoRoom."""
    name = room.strip("/")
    while name:
        if name in ROOMS:
            return ROOMS[name]
        name = name.rpartition("/")[0]
    raise NoRoom(f"{room} is no room. There are: {', '.join(sorted(ROOMS))}.")


def paths_for(files: Iterable[str]) -> list[str]:
    """The tests of these files' rooms; a file of tests stands for itself. What is no room has no tests of its own."""
    found: list[str] = []
    for file in files:
        if file.startswith("tests/") and Path(file).name.startswith("test_"):
            found.append(file)
            continue
        try:
            found += paths_of("docs" if file.endswith(".md") else file.removesuffix(".py"))
        except NoRoom:
            continue
    return list(dict.fromkeys(found))


def changed_files(root: Path) -> list[str]:
    """List the files changed since this branch left `main`, committed or not; without a `main`, since HEAD."""
    begin = _git(root, "merge-base", "main", "HEAD") or ["HEAD"]
    return [
        *_git(root, "diff", "--name-only", "--diff-filter=d", begin[0]),
        *_git(root, "ls-files", "--others", "--exclude-standard"),
    ]


def _git(root: Path, *arguments: str) -> list[str]:
    ended = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return ended.stdout.splitlines()


def main(rooms: Sequence[str]) -> int:
    """Run them; pytest's exit code, or 2 for a room that is none."""
    try:
        own = [path for room in rooms for path in paths_of(room)] if rooms else paths_for(changed_files(ROOT))
    except NoRoom as error:
        print(error, file=sys.stderr)
        return 2
    paths = list(dict.fromkeys((*own, *STRUCTURE)))
    print(" ".join(paths), flush=True)
    left_out = [f"--ignore={path}" for path in LEFT_OUT if path not in paths]
    options = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal", "-q", "-m", "not attack", *left_out)
    return subprocess.run([sys.executable, "-m", "pytest", *options, *paths], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
