"""The page: its template, style and script, and what of them the server hands out. All of it is local."""

from __future__ import annotations

import re
from pathlib import Path

import trame_client.module.vue3
import trame_rca.module
from trame_client.ui.html import DivLayout
from trame_server import Server

WWW = Path(__file__).with_name("www")
STATIC = "durn"
TITLE = "DURNSuperRes"
DARK = "<style>html, body { background: #0d0f11; color-scheme: dark; }</style>"
LOST = """<div class="lost" role="alert"><h2>The viewer does not answer</h2>
<p>If it still runs, <a href="">load this page again</a>. If it has ended, start <code>durn-superres view</code> again
and open the address that it prints.</p></div>"""

# The client asks for messages as Blobs, and each of the several reads of a Blob waits for another process of the
# browser's. Buffers are there at once, and take the client's calls for a Blob as they are but for one.
BUFFERS = """<script>
  const kind = Object.getOwnPropertyDescriptor(WebSocket.prototype, "binaryType");
  Object.defineProperty(WebSocket.prototype, "binaryType", { ...kind, set() { kind.set.call(this, "arraybuffer"); } });
  ArrayBuffer.prototype.arrayBuffer = async function () { return this; };
</script>"""


def add_page(server: Server) -> None:
    """Give the server the page; its variables must be in the server's state by then."""
    server.enable_module(trame_rca.module)
    server.enable_module(
        {"serve": {STATIC: str(WWW)}, "scripts": [f"{STATIC}/viewer.js"], "styles": [f"{STATIC}/viewer.css"]}
    )
    server.state.trame__title = TITLE
    server.state.trame__favicon = "data:,"
    server.state.trame__template_error = LOST
    with DivLayout(server, classes="durn-root") as layout:
        layout.root.add_child((WWW / "page.html").read_text(encoding="utf-8"))


def start_page() -> str:
    """The client's own start page, dark from the first moment and without its icon and greeting."""
    text = (Path(trame_client.module.vue3.__file__).with_name("vue3-www") / "index.html").read_text(encoding="utf-8")
    text = re.sub(r"<title>.*?</title>", f"<title>{TITLE}</title>{DARK}{BUFFERS}", text)
    text = re.sub(r'<link rel="icon"[^>]*>', '<link rel="icon" href="data:," />', text)
    return re.sub(r"<script>\s*fetch\(.*?</script>", "", text, flags=re.DOTALL)
