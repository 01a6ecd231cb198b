"""A stand-in for micromamba: its command line, texts, JSON, exit codes and bad habits, as recorded of a real one.

It solves with py-rattler, and fetches, checks, unpacks and links real conda packages. What it does on purpose, as
micromamba 2.8 was seen to: report success with nothing installed, wipe a prefix that exists, write into the home
folder, ignore ``SSL_CERT_FILE``, unpack in a child process that outlives it, take ``# platform:`` for a comment.

A folder named by ``STANDIN_DIR`` steers it: ``faults.json`` holds what is to go wrong, ``calls.jsonl`` gets
every call. Faults: ``version``, ``empty_success``, ``rejects_packages`` (whose files are not
as listed), ``pause_at`` (a step's name: it leaves the file ``paused`` and
sleeps), ``layout`` (``flat``: the package cache as before version 2.6), ``refused_s`` (how long an unreachable host
takes), ``slow_s`` (pause per package while linking), ``dies_at`` (a step's name and a signal's number),
``garbled_hash`` (a package that is not there is compared with a hash that was never computed), ``write_fails``
(as on a full disk, whose room is there again afterwards).
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import platform
import re
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).resolve().parent))

import micromamba_config as config
import micromamba_fetch as fetch
from micromamba_cache import Cache, stem
from micromamba_index import readable, stored_index
from micromamba_steer import NOTICE, STEERED_FROM, Failure, fault, step


def subdir_here() -> str:
    system = {"linux": "linux", "darwin": "osx"}[sys.platform]
    machine = {"x86_64": "64", "arm64": "arm64", "aarch64": "aarch64"}[platform.machine()]
    return os.environ.get("CONDA_SUBDIR") or f"{system}-{machine}"


def explicit_packages(text: str) -> list[dict[str, Any]]:
    """Read a lock: order kept, ``# platform:`` ignored, nothing checked that can be let go."""
    packages = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#") or line.strip() == "@EXPLICIT":
            continue
        url, _, fragment = line.strip().partition("#")
        if "#" in fragment:
            raise Failure(f"critical libmamba Invalid URL fragment: {line}")
        value = fragment.removeprefix("sha256:")
        place = url.partition("?")[0]
        filename = unquote(place.rsplit("/", 1)[-1])
        name, version, build = stem(filename).rsplit("-", 2)
        package = {"name": name, "version": version, "build": build, "fn": filename, "url": url}
        package["subdir"] = place.rsplit("/", 2)[-2]
        package["channel"] = place.rsplit("/", 2)[0]
        if value:
            package["sha256" if len(value) == 64 else "md5"] = value
        else:
            sys.stderr.write(f"warning  libmamba No checksum for {filename}\n")
        packages.append(package)
    return packages


def solved_packages(options: config.Options, cache: Cache) -> list[dict[str, Any]]:
    """Solve what was asked for, with py-rattler, from the channels' indexes."""
    import rattler

    here = options.platform or subdir_here()
    sources = []
    folder = cache.folder / "cache"
    folder.mkdir(exist_ok=True)
    for number, url in enumerate(options.channels):
        for subdir in (here, "noarch"):
            address = fetch.below(url, f"{subdir}/repodata.json")
            try:
                path = stored_index(address, folder, options)
            except fetch.Unreachable as error:
                said = [line.removeprefix("error    libmamba ").strip() for line in error.lines]
                said.append(f"Subdir {url}/{subdir} not loaded!")
                raise Failure(
                    "critical libmamba Multiple errors occurred:", *(f"    {line}" for line in said)
                ) from error
            # py-rattler is not told a password: the address is put together again below.
            place = rattler.Channel(f"https://channel.invalid/{number}")
            sources.append(rattler.SparseRepoData(place, subdir, readable(path)))
    step("solve")
    try:
        virtual = rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env())
        solving = rattler.solve(
            sources=sources, specs=options.specs, virtual_packages=virtual, add_pip_as_python_dependency=True
        )
        records = asyncio.run(solving)
    except Exception as error:
        if options.json:
            raise Failure(report={"solver_problems": ["unsupported request"], "success": False}) from error
        title = "libmamba Could not solve for environment specs"
        raise Failure(f"error    {title}", *explained(str(error)), f"critical {title}") from error
    ordered = rattler.PackageRecord.sort_topologically(records)
    by_name = {record.name.normalized: json.loads(record.to_json()) for record in records}
    for package in by_name.values():
        number, _, rest = package["url"].partition(".invalid/")[2].partition("/")
        package["channel"] = options.channels[int(number)]
        package["url"] = fetch.below(package["channel"], rest)
    return [by_name[record.name.normalized] for record in ordered]


def explained(text: str) -> list[str]:
    """Return the solver's reasons in libmamba's words."""
    missing = re.findall(r"No candidates were found for (.+?)\.?$", text, flags=re.MULTILINE)
    if missing:
        head = "    The following package could not be installed"
        return [head, *(f"    └─ {spec} does not exist (perhaps a typo or a missing channel)." for spec in missing)]
    return ["    The following packages are incompatible", *(f"    │  {line}" for line in text.splitlines())]


def link(package: dict[str, Any], unpacked: Path, prefix: Path, site_packages: str) -> None:
    """Put the package's files into the prefix, as hard links to the cache, and its record last."""
    index = json.loads((unpacked / "info" / "index.json").read_text())
    paths = json.loads((unpacked / "info" / "paths.json").read_text())["paths"]
    files = []
    for number, entry in enumerate(paths):
        if number == (len(paths) + 1) // 2:
            step(f"link {package['name']}")
        place = entry["_path"]
        if index.get("noarch") == "python" and place.startswith("site-packages/"):
            place = site_packages + place.removeprefix("site-packages")
        target = prefix / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() or target.is_symlink():
            sys.stderr.write(f"warning  libmamba [{package['name']}] The following files were already present\n")
            target.unlink()
        source = unpacked / entry["_path"]
        if entry["path_type"] == "softlink" and not source.is_symlink():
            what = f"Unexpected error while linking package '{package['name']}'"
            why = f"filesystem error: cannot copy symlink: Invalid argument [{source}] [{target}]"
            raise Failure(f"critical libmamba {what}: {why}")
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        else:
            try:
                os.link(source, target)
            except OSError:
                shutil.copy2(source, target)
        files.append(place)
    record = {**index, **package, "files": files, "paths_data": {"paths_version": 1, "paths": paths}}
    record["build_string"] = record["build"]
    name = f"{record['name']}-{record['version']}-{record['build']}.json"
    (prefix / "conda-meta" / name).write_text(json.dumps(record, indent=2))


def install(packages: list[dict[str, Any]], options: config.Options, cache: Cache) -> None:
    prefix = options.prefix
    talk = io.StringIO() if options.json or options.quiet else sys.stdout
    with cache.locked():
        (prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
        # Hidden in all that is printed, passwords stand in clear there.
        urls = "".join(f"+{package['url']}\n" for package in packages)
        (prefix / "conda-meta" / "history").write_text(f"==> now <==\n# cmd: create\n{urls}")
        print("\nTransaction starting", file=talk, flush=True)
        try:
            unpacked = cache.provide(packages, options)
        except fetch.Unreachable as error:
            raise Failure(*error.lines, "critical libmamba Download error", report={"success": False}) from error
        if fault("empty_success"):
            return
        if fault("rejects_packages") and os.environ.get("MAMBA_SAFETY_CHECKS") == "enabled":
            raise Failure(
                "error    libmamba Cannot find a valid extracted directory",
                "critical libmamba Package cache error.",
            )
        python = next((item for item in packages if item["name"] == "python"), None)
        short = ".".join(python["version"].split(".")[:2]) if python else "3"
        try:
            for package, folder in zip(packages, unpacked, strict=True):
                print(f"Linking {stem(package['fn'])}", file=talk, flush=True)
                link(package, folder, prefix, f"lib/python{short}/site-packages")
                time.sleep(fault("slow_s") or 0.0)
        except KeyboardInterrupt:
            # Interrupted while it links, it undoes what it did, and reports success all the same.
            shutil.rmtree(prefix)
            (prefix / "conda-meta").mkdir(parents=True)
            (prefix / "conda-meta" / "history").touch()
            return
        step("linked")
        print("\nTransaction finished\n", file=talk, flush=True)
    with (Path.home() / ".conda" / "environments.txt").open("a") as file:
        file.write(f"{prefix}\n")


def create(options: config.Options) -> int:
    step("start")
    prefix = options.prefix
    config.check_home()
    if prefix.exists() and (prefix / "conda-meta").is_dir() and not options.dry_run:
        if not options.yes:
            return 1  # asked whether to overwrite, the end of the input means No
        shutil.rmtree(prefix)
    elif prefix.is_dir() and any(prefix.iterdir()):
        raise Failure(f"critical libmamba Non-conda folder exists at prefix: {prefix}")
    elif prefix.exists() and not prefix.is_dir():
        raise Failure(f"critical libmamba Target prefix is not a folder: {prefix}")
    cache = Cache(options)
    if not options.json:
        print(NOTICE, file=sys.stderr, flush=True)
    if options.file is not None:
        packages = explicit_packages(options.file.read_text(encoding="utf-8"))
        if packages and all(item["subdir"] not in {subdir_here(), "noarch"} for item in packages):
            packages = []
    else:
        packages = solved_packages(options, cache)
    dry = options.dry_run or bool(os.environ.get("MAMBA_DRY_RUN"))
    if not dry:
        install(packages, options, cache)
    if options.json:
        shown = [{**item, "url": masked(item["url"]), "channel": masked(item["channel"])} for item in packages]
        actions = {"FETCH": shown, "LINK": shown, "PREFIX": masked(str(prefix))}
        report = {"actions": actions, "dry_run": dry, "prefix": masked(str(prefix)), "success": True}
        print(json.dumps(report, indent=4))
    return 0


def masked(text: str) -> str:
    """Hide a password, and what looks like a token, in paths as well."""
    parts = re.sub(r"(://[^:@/]*):[^@/]*@", r"\1:*****@", text).split("/t/")
    return "/t/".join(
        [parts[0], *("*****" + part[part.find("/") :] if "/" in part else "*****" for part in parts[1:])]
    )


def main(arguments: list[str]) -> int:
    if STEERED_FROM:
        with (Path(STEERED_FROM) / "calls.jsonl").open("a") as file:
            file.write(json.dumps({"arguments": arguments, "environment": dict(os.environ)}) + "\n")
    if arguments == ["--version"]:
        print(fault("version") or "2.8.1")
        return 0
    try:
        options = config.parse(arguments)
    except config.BadOption as error:
        print(f"{error}\nRun with --help for more information.", file=sys.stderr)
        return 109
    except config.BadConfiguration as error:
        print(f"critical libmamba {error}", file=sys.stderr)
        return 1
    try:
        return create(options)
    except config.BadConfiguration as error:
        print(f"critical libmamba {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"critical libmamba filesystem error: {error.strerror} [{error.filename}]", file=sys.stderr)
        return 1
    except Failure as failure:
        failure.tell(as_json=options.json)
        return 1


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # py-rattler's own threads may crash an interpreter that ends in the ordinary way.
    os._exit(status)
