"""Who gets in, what is let in, and what is left behind."""

from __future__ import annotations

import asyncio
import base64
import http.client
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from DURNSuperResLib.cli import main
from DURNSuperResLib.scene.storage import InputError

pytest.importorskip("trame_server", reason="the viewer's packages are not installed")

from DURNSuperResLib.viewer.security import is_loopback
from DURNSuperResLib.viewer.uploads import PrivateFolder, TooLarge

HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
}


def ask(
    served, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str
) -> http.client.HTTPResponse:
    """The viewer's answer to one request."""
    place = urlsplit(served.address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    if answer.status != 101:
        answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize("path", ["/", "/index.html", "/durn/viewer.js", "/vue.global.js", "/result", "/nothing"])
@pytest.mark.parametrize("token", ["", "?token=", "?token=wrong", "?token=%C3%A9"])
def test_nothing_is_given_without_the_token(cine_viewer, path: str, token: str) -> None:
    assert ask(cine_viewer, path + token).status == 403


def test_nothing_is_taken_without_the_token(cine_viewer) -> None:
    assert ask(cine_viewer, "/upload?name=a.nrrd", method="POST", body=b"NRRD0004").status == 403


def test_the_websocket_needs_the_token(cine_viewer) -> None:
    assert ask(cine_viewer, "/ws", **HANDSHAKE).status == 403
    assert ask(cine_viewer, "/ws?token=wrong", **HANDSHAKE).status == 403
    assert ask(cine_viewer, f"/ws?token={cine_viewer.token}", **HANDSHAKE).status == 101


def test_the_token_goes_on_in_a_cookie_that_no_script_and_no_other_site_can_use(cine_viewer) -> None:
    first = ask(cine_viewer, f"/?token={cine_viewer.token}")
    cookie = first.headers["Set-Cookie"]
    assert first.status == 200
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
    kept = cookie.partition(";")[0]
    assert ask(cine_viewer, "/", Cookie=kept).status == 200
    assert ask(cine_viewer, "/ws", **HANDSHAKE, Cookie=kept).status == 101
    assert ask(cine_viewer, "/", Cookie=kept[:-1]).status == 403
    assert ask(cine_viewer, "/?token=wrong", Cookie=kept).status == 403


def test_a_page_of_another_origin_gets_nothing(cine_viewer) -> None:
    origin = cine_viewer.root.rstrip("/")
    path = f"/ws?token={cine_viewer.token}"
    assert ask(cine_viewer, path, **HANDSHAKE, Origin=origin).status == 101
    for other in ("http://example.org", "null", origin.replace("http", "https").replace("127.0.0.1", "127.0.0.2")):
        assert ask(cine_viewer, path, **HANDSHAKE, Origin=other).status == 403


def test_the_page_may_fetch_from_nowhere_else(cine_viewer) -> None:
    headers = ask(cine_viewer, f"/?token={cine_viewer.token}").headers
    policy = dict(part.split(maxsplit=1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert policy["frame-ancestors"] == "'none'"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_each_viewer_has_a_token_of_its_own_and_leaves_nothing_behind(cine_viewer, serve, files) -> None:
    served = serve(files.volume)
    assert len(served.token) >= 43
    assert served.token != cine_viewer.token
    assert urlsplit(served.address).hostname == "127.0.0.1"
    (folder,) = served.folder.glob("durn-viewer-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path = f"/upload?name=my%20heart.nrrd&token={served.token}"
    assert ask(served, path, method="POST", body=files.volume_x2.read_bytes()).status == 200
    assert [file.name for file in folder.rglob("*.nrrd")] == ["my_heart.nrrd"]
    assert served.end() == 0
    assert not folder.exists()


def test_an_upload_over_the_limit_is_refused_and_not_kept(serve, files) -> None:
    served = serve(files.volume, "--upload-limit", 1)
    (folder,) = served.folder.glob("durn-viewer-*")
    path = f"/upload?name=large.nrrd&token={served.token}"
    assert ask(served, path, method="POST", body=bytes(2**20 + 1)).status == 413
    assert ask(served, path, method="POST", body=b"no image").status == 400
    assert [file for file in folder.rglob("*") if file.is_file()] == []


def test_what_is_wrong_with_an_upload_is_said_without_the_folder_it_lies_in(serve, files) -> None:
    served = serve(files.volume)
    request = Request(f"{served.root}upload?name=a.nii.gz&token={served.token}", data=b"\x1f\x8bgarbage")
    with pytest.raises(HTTPError) as refused:
        urlopen(request)
    assert refused.value.code == 400
    assert refused.value.read().decode().startswith("a.nii.gz cannot be read")


def test_which_addresses_are_of_this_machine_alone() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.1.2", "example.org", "")))


async def _blocks(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


def receive(folder: PrivateFolder, name: str, *blocks: bytes, size: int | None = None) -> Path:
    return asyncio.run(folder.receive(name, size, _blocks(*blocks)))


def test_a_file_is_kept_under_a_tame_name_and_replaced_by_the_next(files) -> None:
    voxels = files.volume.read_bytes()
    with PrivateFolder(2**20) as folder:
        path = receive(folder, "../../etc/.Müller heart.SEQ.NRRD", voxels[:100], voxels[100:])
        assert path.parent.parent == folder.path
        assert path.name == "M_ller_heart.seq.nrrd"
        assert path.read_bytes() == voxels
        other = receive(folder, "??.nrrd", voxels)
        assert (other.name, path.exists()) == ("upload.nrrd", False)
    assert not folder.path.exists()


def test_more_than_the_limit_is_not_read(files) -> None:
    with PrivateFolder(100) as folder:
        for size in (101, None, 5):  # what is promised is not trusted
            with pytest.raises(TooLarge):
                receive(folder, "a.nrrd", b"x" * 60, b"x" * 60, size=size)
        assert not any(path.is_file() for path in folder.path.rglob("*"))


HEADER = b"NRRD0005\ntype: short\ndimension: 3\nsizes: 4 4 4\nencoding: raw\nendian: little\n"
META = b"ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_SHORT\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.nrrd", HEADER + b"data file: /etc/hostname\n\n", "other files"),
        ("a.nrrd", HEADER + b"datafile: /etc/hostname\n\n", "other files"),
        ("a.nrrd", HEADER.replace(b"4 4 4", b"4096 4096 4096") + b"\n", "cut short or damaged"),
        ("a.mha", META + b"ElementDataFile = /etc/hostname\nElementDataFile = LOCAL\n", "other files"),
        ("a.mha", META, "other files"),
        ("a.nhdr", HEADER, "none of"),
        ("a.mhd", META, "none of"),
        ("a.dcm", b"", "none of"),
        ("a.nii", b"\0" * 400, "cannot be read"),
        ("", b"", "none of"),
    ],
)
def test_files_that_point_elsewhere_or_are_no_images_are_refused(name: str, content: bytes, reason: str) -> None:
    with PrivateFolder(2**20) as folder:
        with pytest.raises(InputError, match=reason):
            receive(folder, name, content)
        assert not any(path.is_file() for path in folder.path.rglob("*"))


def test_wrong_usage_and_failures_are_told_in_one_line(files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(files.volume), "--uncertainty", str(files.uncertainty)]) == 1
    assert main(["view", "nowhere.nrrd"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("durn-superres: ") for line in lines] == [True, True]


def test_a_port_that_is_taken_is_told(cine_viewer, files, capsys: pytest.CaptureFixture[str]) -> None:
    port = urlsplit(cine_viewer.address).port
    assert main(["view", str(files.volume), "--port", str(port)]) == 1
    assert "address already in use" in capsys.readouterr().err


def test_missing_packages_are_told_with_the_command_that_installs_them(
    files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in list(sys.modules) if name.startswith("DURNSuperResLib.viewer")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "trame_server", None)
    assert main(["view", str(files.volume)]) == 1
    assert "DURNSuperRes[viewer]" in capsys.readouterr().err
