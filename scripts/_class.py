"""The commands of an instructor, those of ``course.py class``: what each takes, how it is run.

The work is done in the course's environment, by the function of the command's name in
``rag_tutorials.classroom.instructor.commands``; it is given the options by name.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

from _run import wait
from _setup import Checkout

MODULE = "rag_tutorials.classroom.instructor.commands"
PASSWORD = "COURSE_CLASS_DATABASE_PASSWORD"  # a command line can be read by every user


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``class`` and its commands to those of course.py."""
    about = "hold a class: serve, add, show, page, grade, end"
    parser = commands.add_parser("class", help=about, description=about.capitalize() + ".")
    each = parser.add_subparsers(dest="class_command", required=True, metavar="COMMAND")
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument(
        "--folder", type=_path, help="where the class is kept (default: .course/class)"
    )

    serve = each.add_parser("serve", parents=[where], help="start the class's Phoenix, in front")
    serve.add_argument(
        "--host", default="127.0.0.1", help="where it listens; 0.0.0.0 is the whole network"
    )
    serve.add_argument("--port", type=int, default=6060, help="its port (default 6060)")
    serve.add_argument(
        "--database",
        metavar="URL",
        help="postgresql://USER:PASSWORD@HOST/NAME; remembered (default: a file, SQLite)",
    )
    serve.add_argument(
        "--url", help="its address for students, such as https://class.example.org; remembered"
    )

    add = each.add_parser("add", parents=[where], help="make users and keys, print their codes")
    add.add_argument(
        "file",
        nargs="?",
        type=_path,
        metavar="FILE",
        help="one name a line; an e-mail address may follow after a comma, tab or ;",
    )
    add.add_argument(
        "--shared",
        nargs="?",
        type=int,
        const=30,
        metavar="N",
        help="instead: one code without a name, for N people (default 30)",
    )
    add.add_argument(
        "--csv", type=_path, metavar="FILE", help="write names and codes into a new file, too"
    )

    code = each.add_parser("code", parents=[where], help="a new code; the old one ends")
    code.add_argument("name", help="whose, as it was added")
    remove = each.add_parser("remove", parents=[where], help="end somebody's code and user")
    remove.add_argument("name", help="who, as they were added")

    show = each.add_parser("show", parents=[where], help="where everyone stands, in the terminal")
    show.add_argument("--once", action="store_true", help="once, everybody; else until Ctrl-C")
    show.add_argument(
        "--lesson", metavar="LESSON", help="such as 03, or all (default: that of most students)"
    )
    page = each.add_parser("page", parents=[where], help="the same as a page in your browser")
    page.add_argument("--port", type=int, default=6061, help="its port (default 6061)")

    grade = each.add_parser("grade", parents=[where], help="judge all checks again; write tables")
    grade.add_argument("--csv", type=_path, metavar="FILE", help="a table with one row a student")
    grade.add_argument(
        "--details", type=_path, metavar="FILE", help="one row a student and exercise, with reasons"
    )

    end = each.add_parser("end", parents=[where], help="export everything, then delete it; asks")
    end.add_argument("--yes", action="store_true", help="do not ask")
    end.add_argument(
        "--to", type=_path, metavar="FOLDER", help="a new folder (default: class-DATE-TIME, here)"
    )


def run(course: Checkout, options: argparse.Namespace) -> int:
    """Run a command in the course's environment, which must be there; return its exit status.

    On POSIX this program becomes that one: Ctrl-C and a closed terminal meet it alone, and whoever
    lists the processes reads the command line without the database's password.

    Raises:
        CommandError: the environment cannot be used.
    """
    course.require()
    given = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in ("command", "class_command", "test")
    }
    env = course.environment()
    if given.get("database"):
        given["database"], env[PASSWORD] = without_password(given["database"])
    name = options.class_command
    if name == "end" and not given["to"]:
        given["here"] = str(Path.cwd())
    command = [str(course.python), "-m", MODULE, name, json.dumps(given)]
    if os.name == "posix":
        os.chdir(course.root)
        sys.stdout.flush()
        os.execve(command[0], command, env)
    process = subprocess.Popen(command, cwd=course.root, env=env)
    while True:
        try:
            return wait(process)
        except KeyboardInterrupt:
            continue  # it has heard Ctrl-C, too, and ends in order


def without_password(url: str) -> tuple[str, str]:
    """Return a database's URL without its password, and the password, "" if there is none."""
    for pattern in (r"^[^:]+://[^:/@]*(:(.*))@", r"[?&](password=([^&]*)&?)"):
        if found := re.search(pattern, url):
            return url[: found.start(1)] + url[found.end(1) :], unquote(found[2])
    return url, ""


def _path(text: str) -> Path:
    """Return a path as it was meant where the command was typed."""
    return Path(text).expanduser().absolute()
