"""Command line of the stand-in: create a site, serve it."""

import argparse
from pathlib import Path

from sandbox.moodle.database import Database, connect
from sandbox.moodle.rest import Options
from sandbox.moodle.server import serve
from sandbox.moodle.site import create_site, tokens


def main(arguments: list[str] | None = None) -> None:
    """Run the command the arguments name."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "create":
        create_site(chosen.database, token=chosen.token, site_url=chosen.site_url)
        database = Database(connect(chosen.database))
        for kind, token in tokens(database).items():
            print(f"{kind}={token}")
        database.close()
        return
    options = Options(
        debug=chosen.debug,
        max_input_vars=chosen.max_input_vars,
        delay_request_ms=chosen.delay_request_ms,
        delay_item_ms=chosen.delay_item_ms,
    )
    serve(chosen.database, chosen.host, chosen.port, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox.moodle", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="create an empty site and print its tokens")
    create.add_argument("--database", type=Path, required=True)
    create.add_argument("--token", help="token of the full account; random if not given")
    create.add_argument("--site-url", help="address the site says it has; else the one it is asked at")
    serving = commands.add_parser("serve", help="serve a site")
    serving.add_argument("--database", type=Path, required=True)
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, default=8091)
    serving.add_argument("--debug", action="store_true", help="developer debugging: errors carry debuginfo")
    serving.add_argument("--max-input-vars", type=int, default=5000, help="PHP's limit of form variables")
    serving.add_argument("--delay-request-ms", type=float, default=0, help="added to every request")
    serving.add_argument("--delay-item-ms", type=float, default=0, help="added for every item written")
    return parser


if __name__ == "__main__":
    main()
