"""Stand-in for Slicer's Sample Data module: the register of data sets, and downloads with rewritten addresses.

Signatures, defaults and refusals are those of ``SampleDataLogic`` in Slicer 5.12; :func:`without_categories` makes the
one of 5.10. There is no network here: an address is fetched if a rule rewrites it to a file.
"""

from __future__ import annotations

import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import slicer
from slicer.util import computeChecksum, extractAlgoAndDigest


class SampleDataSource:
    """A data set: its name, what to download, and what to do with it."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)
        lists = [fields[key] for key in ("uris", "fileNames", "checksums", "loadFiles") if fields[key] is not None]
        if len({len(values) for values in lists}) != 1:
            raise ValueError("All fields of sample data source must have the same length")


class SampleDataLogic:
    """The register, and downloads into a folder."""

    rules: ClassVar[dict[str, Callable[[str], str]]] = {}

    @staticmethod
    def registerCustomSampleDataCategory(category: str, title: str) -> None:  # noqa: N802 (Slicer's names, here and below)
        slicer.modules.sampleDataSourceCategories[category] = {"title": title}

    @staticmethod
    def registerCustomSampleDataSource(  # noqa: N802
        category: str = "Custom",
        sampleName: str | None = None,  # noqa: N803
        uris: list[str] | None = None,
        fileNames: list[str] | None = None,  # noqa: N803
        nodeNames: list[str] | None = None,  # noqa: N803
        customDownloader: Callable | None = None,  # noqa: N803
        thumbnailFileName: str | None = None,  # noqa: N803
        loadFileTypes: list[str] | None = None,  # noqa: N803
        loadFiles: list[bool] | None = None,  # noqa: N803
        loadFileProperties: dict | None = None,  # noqa: N803
        checksums: list[str] | None = None,
        loadFileType: str | None = None,  # noqa: N803
    ) -> None:
        source = SampleDataSource(**{key: value for key, value in locals().items() if key != "category"})
        known = slicer.modules.sampleDataSources.setdefault(category, [])
        if not any(vars(source) == vars(other) for other in known):
            known.append(source)

    @staticmethod
    def registerUrlRewriteRule(name: str, rewriteFunction: Callable[[str], str]) -> None:  # noqa: N802, N803
        SampleDataLogic.rules[name] = rewriteFunction

    def downloadFile(  # noqa: N802
        self,
        uri: str,
        destFolderPath: str,  # noqa: N803
        name: str,
        checksum: str | None = None,
        forceDownload: bool = False,  # noqa: N803
    ) -> str:
        for rule in self.rules.values():
            uri = rule(uri)
        path = Path(destFolderPath + "/" + name)
        algorithm, digest = extractAlgoAndDigest(checksum)
        if path.exists() and not forceDownload and computeChecksum(algorithm, path) == digest:
            return str(path)
        try:
            if urllib.parse.urlsplit(uri).scheme != "file":
                raise OSError("no network")
            urllib.request.urlretrieve(uri, path)
        except OSError as error:
            raise ValueError(f"Failed to download {uri} to {path}") from error
        if computeChecksum(algorithm, path) != digest:
            path.unlink()
        return str(path)


def without_categories() -> SimpleNamespace:
    """The module as it is in Slicer 5.10."""
    names = ("registerCustomSampleDataSource", "registerUrlRewriteRule")
    logic = type("SampleDataLogic", (), {name: SampleDataLogic.__dict__[name] for name in names})
    return SimpleNamespace(SampleDataLogic=logic)
