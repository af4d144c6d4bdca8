"""A page to try the API by hand, in development: no script but ours, as the content policy wants it."""

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

SCRIPT_PATH = "/playground.js"
_PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Cryptwire: /graphql</title>
<style>
body {{ font: 14px sans-serif; margin: 1rem; display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }}
textarea, pre {{ width: 100%; box-sizing: border-box; font: 13px monospace; margin: 0 0 .5rem }}
pre {{ overflow: auto; max-height: 90vh }}
</style></head>
<body><div>
<label for="query">Operation (Ctrl-Enter sends it)</label><textarea id="query" rows="24" spellcheck="false">{{
  me {{ email plan }}
  hoppers {{ id name }}
}}</textarea>
<label for="variables">Variables</label><textarea id="variables" rows="5" spellcheck="false">{{}}</textarea>
<button id="send">Send</button> <span id="said"></span>
</div><pre id="answer" aria-live="polite"></pre>
<script src="{SCRIPT_PATH}"></script></body></html>
"""
_SCRIPT = """'use strict';
const at = (id) => document.getElementById(id);
async function send() {
  at('said').textContent = '…';
  try {
    const body = JSON.stringify({ query: at('query').value, variables: JSON.parse(at('variables').value || '{}') });
    const headers = { 'content-type': 'application/json', 'x-cryptwire': '1' };
    const response = await fetch('/graphql', { method: 'POST', credentials: 'same-origin', headers, body });
    at('answer').textContent = JSON.stringify(await response.json(), null, 2);
    at('said').textContent = `${response.status}, cost ${response.headers.get('x-cost') || '—'}`;
  } catch (error) {
    at('said').textContent = String(error);
  }
}
at('send').addEventListener('click', send);
document.addEventListener('keydown', (event) => { if (event.ctrlKey && event.key === 'Enter') send(); });
"""


def is_wanted(request: Request) -> bool:
    """True for a browser that opens ``/graphql`` as a page."""
    return request.method == "GET" and not request.url.query and "text/html" in request.headers.get("accept", "")


def page() -> Response:
    return HTMLResponse(_PAGE)


async def script(_: Request) -> Response:
    """``/playground.js``."""
    return Response(_SCRIPT, media_type="text/javascript", headers={"cache-control": "no-cache"})
