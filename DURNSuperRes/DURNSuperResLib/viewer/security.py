"""Who may talk to the viewer: whoever knows its token. Nothing is fetched from other hosts, and no page may frame it.

The token comes with the page's address and is then kept in a cookie that other sites cannot send and scripts cannot
read. It is asked of every request: the page, its scripts, uploads, and the websocket.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

TOKEN_BYTES = 32
PARAMETER = "token"
HEADERS = {
    # the page's framework compiles its template in the browser, hence unsafe-eval; all comes from this server
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; "
    "frame-ancestors 'none'; form-action 'none'; base-uri 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """A token that cannot be guessed."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def gate(token: str) -> Middleware:
    """Middleware that answers 403 to requests without the token, and to those that another site's page makes."""
    cookie = f"durn-{hashlib.sha256(token.encode()).hexdigest()[:12]}"  # viewers on one machine share their cookies

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        named = request.query.get(PARAMETER)
        given = request.cookies.get(cookie, "") if named is None else named
        if not hmac.compare_digest(given.encode(), token.encode()) or not _same_origin(request):
            raise web.HTTPForbidden(text="This viewer is opened by the address that it printed, token included.")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
            if named is not None:
                response.set_cookie(cookie, token, httponly=True, samesite="Strict")
        return response

    return middleware


def _same_origin(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
