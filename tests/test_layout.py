"""The rules of the house that no other tool checks. Where breaking one is right, the exception is named, with its reason."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for path in (ROOT / "worker").rglob("*.py") if "migrations" not in path.parts)

FILE_LINES, FUNCTION_LINES = 300, 40
LONG_FILES: dict[str, str] = {}  # path: why it may be longer
LONG_FUNCTIONS: dict[str, str] = {}  # path:name: why it may be longer


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_file_is_too_long() -> None:
    lengths = {name_of(path): path.read_text().count("\n") for path in SOURCES}
    assert {name: count for name, count in lengths.items() if count > FILE_LINES and name not in LONG_FILES} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{name_of(path)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in SOURCES for function in functions(ast.parse(path.read_text()))
    }
    assert {name: count for name, count in lengths.items() if count > FUNCTION_LINES and name not in LONG_FUNCTIONS} == {}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_file_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "open the module with one sentence"
    assert path.stem not in {"utils", "helpers", "manager", "common"}, "name the file for what it does"


def test_only_settings_reads_the_environment() -> None:
    readers = {name_of(path) for path in SOURCES if re.search(r"\bos\.(environ|getenv|putenv)\b", path.read_text())}
    assert readers == {"worker/settings.py"}


def test_only_the_web_knows_of_requests() -> None:
    def imports_django_http(path: Path) -> bool:
        return any(
            (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django.http"))
            or (isinstance(node, ast.Import) and any(name.name.startswith("django.http") for name in node.names))
            for node in ast.walk(ast.parse(path.read_text()))
        )

    strangers = [name_of(path) for path in SOURCES if imports_django_http(path)]
    assert [name for name in strangers if not name.startswith("worker/web/")] == []


def settings_read() -> set[str]:
    """Return the names that worker/settings.py asks the environment for."""
    tree = ast.parse((ROOT / "worker" / "settings.py").read_text())
    asked = {ast.unparse(node.args[0]) for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args
             and re.fullmatch(r"env\.\w+|read_number", ast.unparse(node.func))}
    return {ast.literal_eval(name) for name in asked if name.startswith(("'", '"'))}


def test_every_setting_is_explained_and_no_other() -> None:
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert settings_read() == set(rows)


def test_every_setting_is_kept_out_of_the_tests() -> None:
    """A developer's own environment or .env must not reach a test; see tests/conftest.py."""
    conftest = (ROOT / "tests" / "conftest.py").read_text()
    harmless = {name for name in settings_read() if name.startswith(("FETCH_", "DELIVERY_"))}
    assert {name for name in settings_read() - harmless if f'"{name}"' not in conftest} == set()


def test_the_lock_pins_everything_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert "--index" not in lock
    pinned = {name.lower().replace("_", "-") for name in re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)}
    assert lock.count("--hash=sha256:") >= len(pinned)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = {re.split(r"[\[<>=!~ ;]", one)[0].lower().replace("_", "-") for one in wanted}
    assert names - pinned == set(), "run: make lock"


def test_the_image_is_made_of_files_that_are_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source.removeprefix("./") for line in copied for source in line.split()}
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert sources == {line[1:] for line in ignore if line.startswith("!")}
    assert {source for source in sources if not (ROOT / source).exists()} == set()


def test_compose_runs_the_whole_service() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"migrate", "web", "worker", "beat", "redis", "postgres"}
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in services, name
            healthy = condition["condition"] == "service_healthy"
            assert not healthy or "test" in services[other]["healthcheck"], f"{name} waits for {other}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).is_file(), volume
        given = service.get("environment", {}).keys() - {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
        assert given - settings_read() == set(), name
