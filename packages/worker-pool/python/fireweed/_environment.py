"""What an interpreter is, and whether it has what is asked for. Nothing that is asked for is imported.

`python boot.py check '{"path": [folder, ...], "requires": ["numpy", "pandas>=2"]}'` writes one JSON object to descriptor 4
and leaves.
"""

import json
import os
import re
import sys

_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<stage>a|alpha|b|beta|c|rc|pre|preview)[-_.]?(?P<pre>\d*))?"
    r"(?:-(?P<rev>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?\d*)?(?:\+.*)?$",
    re.IGNORECASE,
)
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_REQUIREMENT = re.compile(r"([\w.-]+?)\s*((?:[<>=!~]=|[<>]).*)?$")


def main(_began):
    asked = json.loads(sys.argv[2])
    sys.path[0:0] = asked["path"]
    os.write(4, json.dumps(report(asked["requires"])).encode())
    os._exit(0)


def report(requires):
    return {
        "exe": sys.executable or "",
        "python": list(sys.version_info[:3]),
        "impl": sys.implementation.name,
        "platform": sys.platform,
        "prefix": sys.prefix,
        "basePrefix": sys.base_prefix,
        "pip": _has_module("pip"),
        "requires": [_look(requirement) for requirement in requires],
    }


def _look(requirement):
    name, wanted = _REQUIREMENT.match(requirement).groups()
    found = _version(name)
    met = found is not None and (not wanted or (found != "" and satisfies(found, wanted)))
    return {"requirement": requirement, "found": found, "met": met}


def _version(name):
    """Of the distribution of that name, or of the one that has the module; "" if it is there without, None if it is not."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
    if not name.isidentifier() or not _has_module(name):
        return None
    owners = metadata.packages_distributions().get(name) if hasattr(metadata, "packages_distributions") else None
    return metadata.version(owners[0]) if owners else ""


def _has_module(name):
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except ValueError:  # in sys.modules without a spec
        return name in sys.modules


def satisfies(version, wanted):
    """Whether a version fits all of `>=1.2,<2`, by the rules of PEP 440. One that cannot be read fits nothing."""
    try:
        return all(_fits(version, part.strip()) for part in wanted.split(",") if part.strip())
    except ValueError:
        return False


def _fits(version, part):
    operator = re.match(r"[<>=!~]=|[<>]", part).group()
    bound = part[len(operator) :].strip()
    if operator == "!=":
        return not _fits(version, "==" + bound)
    have = _key(version)
    if operator == "==" and bound.endswith(".*"):
        return _starts(version, bound[:-2])
    want = _key(bound)
    if operator == "~=":
        return have >= want and _starts(version, bound.rpartition(".")[0])
    if operator == "<":  # 2.0rc1 is no version below 2.0, unless what is asked for is a pre-release itself
        early = have[:2] == want[:2] and _is_early(have) and not _is_early(want)
        return have < want and not early
    return {"==": have == want, ">=": have >= want, "<=": have <= want, ">": have > want}[operator]


def _key(version):
    """What versions are ordered by: epoch, release, stage, post-release, development release."""
    found = _VERSION.match(version.strip())
    if found is None:
        raise ValueError(version)
    release = [int(part) for part in found["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    post = -1 if found["rev"] is None and found["post"] is None else int(found["rev"] or found["post"] or 0)
    dev = float("inf") if found["dev"] is None else int(re.sub(r"\D", "", found["dev"]) or 0)
    if found["stage"]:
        stage = (_STAGES[found["stage"].lower()], int(found["pre"] or 0))
    else:
        stage = (-1, 0) if found["dev"] is not None and post < 0 else (9, 0)
    return int(found["epoch"] or 0), release, stage, post, dev


def _is_early(key):
    return key[2] < (9, 0)


def _starts(version, prefix):
    """Whether the release of a version begins with that of another; what is missing counts as 0."""
    (epoch, release), (other, begin) = _numbers(version), _numbers(prefix)
    return epoch == other and (release + [0] * len(begin))[: len(begin)] == begin


def _numbers(version):
    found = _VERSION.match(version.strip())
    if found is None:
        raise ValueError(version)
    return int(found["epoch"] or 0), [int(part) for part in found["release"].split(".")]
