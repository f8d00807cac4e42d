"""Fails if any built page would fetch something when it is read: python docs/offline.py results/docs"""

import re
import sys
from pathlib import Path

FETCHED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//[^"']*"""
    r"""|<link\b[^>]*\brel=["'](?:stylesheet|preload|icon)["'][^>]*\bhref=["'](?:https?:)?//[^"']*"""
    r"""|<link\b[^>]*\bhref=["'](?:https?:)?//[^"']*["'][^>]*\brel=["'](?:stylesheet|preload|icon)["']"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"')]*"""
)


def main() -> None:
    folder = Path(sys.argv[1])
    pages = sorted(folder.rglob("*.html"))
    found = [f"{page.relative_to(folder)}: {hit}" for page in pages for hit in FETCHED.findall(page.read_text("utf-8"))]
    if not pages or found:
        sys.exit("\n".join(found[:20]) or f"There is no page in {folder}.")
    print(f"{len(pages)} pages, none of which fetches anything")


if __name__ == "__main__":
    main()
