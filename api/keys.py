"""`python -m api.keys add NAME ROLE`, `remove NAME`, `list`: API keys from the shell."""

import argparse
import asyncio
import sys

from shared.contracts.errors import BadSetting, StoreUnavailable
from shared.infrastructure.api_keys import ROLES, ApiKeys, new_secret
from shared.infrastructure.mongo import open_mongo
from shared.infrastructure.settings import Settings, load


async def run(arguments: argparse.Namespace) -> str:
    """Do what was asked; return what to print."""
    async with open_mongo(load(Settings), app="warren-keys") as database:
        keys = ApiKeys(database)
        if arguments.action == "add":
            secret = new_secret()
            await keys.add(arguments.name, arguments.role, secret)
            return f"{secret}\nThis is shown once. Send it as `Authorization: Bearer ...`."
        if arguments.action == "remove":
            known = await keys.remove(arguments.name)
            return f"removed {arguments.name}" if known else f"there is no key {arguments.name}"
        return "\n".join(f"{key.name}\t{key.role}" for key in await keys.read())


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m api.keys", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="make a key, or give one a new secret")
    add.add_argument("name")
    add.add_argument("role", choices=ROLES)
    actions.add_parser("remove", help="revoke a key").add_argument("name")
    actions.add_parser("list", help="names and roles of all keys")
    try:
        sys.stdout.write(asyncio.run(run(parser.parse_args())) + "\n")
    except (BadSetting, StoreUnavailable) as error:
        sys.stderr.write(f"warren keys: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
