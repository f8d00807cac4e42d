"""Pages are read on GitHub, too, where links lead to files.

Here a link to an example leads to its page in the gallery; of any other file outside of this folder the name stands in
place of the link.
"""

import re
from pathlib import Path
from typing import Any

EXAMPLE = re.compile(r"examples/(\w+)/(plot_\w+)\.py")


def led_to_pages(app: Any, page: str, source: list[str]) -> None:
    folder = Path(app.env.doc2path(page)).parent
    outside = Path(app.srcdir).parent

    def link(found: re.Match[str]) -> str:
        text, target = found[1], (folder / found[2]).resolve()
        if target.is_relative_to(app.srcdir) or not target.exists():
            return found[0]
        name = target.relative_to(outside).as_posix()
        example = EXAMPLE.fullmatch(name)
        return f"{{doc}}`{text} </gallery/{example[1]}/{example[2]}>`" if example else f"{text} (`{name}`)"

    source[0] = re.sub(r"\[([^\]]+)\]\((\.\./[^)#]+)[^)]*\)", link, source[0])


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", led_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
