"""What the measuring programs share: their command line, and where the server's starter is found."""
import argparse
import os
import sys


def options(doc, *extra):
    """Reads the command line: a binary, a folder for what is kept, and `extra` as (name, type, default).

    Called before `server` is imported, which starts the binary that the environment names.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("folder", help="where events, databases and results are kept")
    parser.add_argument("--report", help="the Markdown file to write")
    for name, type_, default in extra:
        parser.add_argument(name, type=type_, default=default)
    chosen = parser.parse_args()
    chosen.binary = os.path.abspath(chosen.binary)
    chosen.folder = os.path.abspath(chosen.folder)
    os.makedirs(chosen.folder, exist_ok=True)
    os.environ["WIDEFIELD_BINARY"] = chosen.binary
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "EndToEnd"))
    return chosen
