"""A template's name and its values in, the filled-in source out; one that asks for an unknown value is refused."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import Context, Engine, TemplateDoesNotExist, TemplateSyntaxError

from worker.errors import BroadsheetError

# What a template asks for and nobody gives shows up between these private characters, which no text may contain.
_MISSING = "\ue000%s\ue001"


@lru_cache(maxsize=8)
def _engine(folder: Path, escape: bool) -> Engine:
    # The plain file loader, not the caching one: a changed template must change the proof, and void it, at once.
    return Engine(dirs=[str(folder)], autoescape=escape, debug=True, string_if_invalid=_MISSING,
                  loaders=["django.template.loaders.filesystem.Loader"])


def fill_template(name: str, values: dict[str, Any], *, escape: bool) -> str:
    """Return templates/`name` filled with `values`; `escape`: as HTML, where every value is inert text.

    Raises BroadsheetError naming the template if it is missing, malformed (with the line) or asks for an unknown value.
    """
    folder = Path(settings.TEMPLATES_DIR)
    try:
        filled = _engine(folder, escape).get_template(name).render(Context(values, autoescape=escape))
    except TemplateDoesNotExist as error:
        raise BroadsheetError(f"{folder}: there is no template {error}; put it back") from error
    except TemplateSyntaxError as error:
        raise BroadsheetError(f"templates/{_locate(error, name, folder)}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BroadsheetError(f"templates/{name} cannot be read: {error}") from error
    missing = re.search("\ue000(.*?)\ue001", filled)
    if missing:
        raise BroadsheetError(f"templates/{name} asks for {{{{ {missing[1]} }}}}, which there is not; correct the name")
    return filled


def _locate(error: TemplateSyntaxError, name: str, folder: Path) -> str:
    """Return "email/parts/story.mjml line 3" for the file the fault is in, which may be an included one."""
    where: dict[str, Any] = getattr(error, "template_debug", {})
    if not where:
        return name
    path = Path(str(where.get("name", name)))
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    return f"{shown} line {where.get('line', '?')}"
