"""The pages that need no build: the page at `/`, and the instructions shown while the web pages are not built."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #16202c; --soft: #5b6878; --paper: #f6f7f9; --card: #fff; --line: #e1e5ea;
  --accent: #3b4fd8; --test: #8a5a00; --test-paper: #fff4d6; --live: #a11b1b; --live-paper: #ffe3e0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --soft: #9aa7b8; --paper: #10151c; --card: #182029;
  --line: #2a3542; --accent: #a3b0ff; --test: #ffd27a; --test-paper: #3a2c0c;
  --live: #ffb4ab; --live-paper: #47151a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 4rem 1.25rem; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -.02em; margin: .75rem 0 .5rem; }
p { color: var(--soft); margin: 0 0 2rem; max-width: 36rem; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .75rem; }
a { display: block; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; color: inherit; text-decoration: none; }
a:hover, a:focus-visible { border-color: var(--accent); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
a b { color: var(--accent); display: block; }
a span { color: var(--soft); font-size: .9375rem; }
code { font-family: ui-monospace, monospace; color: var(--ink); }
.mode { display: inline-block; font-size: .75rem; font-weight: 700; letter-spacing: .06em; padding: .2rem .6rem;
  border-radius: 1rem; color: var(--test); background: var(--test-paper); }
.mode.live { color: var(--live); background: var(--live-paper); }
"""
PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
    '<link rel="icon" href="data:,"><style>' + STYLE.replace("{", "{{").replace("}", "}}") + "</style></head>"
    "<body><main>{body}</main></body></html>"
)
LINK: Final = '<li><a href="{path}"><b>{name}</b><span>{what}</span></a></li>'


def landing(*, livemode: bool, offline: bool, explorer: bool, checkout: bool) -> str:
    """Render the page at `/`: whether real money moves here, and links to the other pages."""
    mode = '<span class="mode live">LIVE</span>' if livemode else '<span class="mode">TEST</span>'
    money = "Real money moves here." if livemode else "No real money moves here."
    stripe = " Stripe is played by the offline Stripe." if offline else ""
    links = [
        ("/explorer", "Explorer", "Ready operations for buyer, support, finance and operations", explorer),
        ("/checkout", "Checkout", "An example page that takes a payment, and follows it live", checkout),
        ("/schema.graphql", "Schema", "Everything that can be asked, with its descriptions", True),
        ("/readyz", "Health", "Whether every part is fit to take work", True),
    ]
    items = "".join(LINK.format(path=path, name=name, what=what) for path, name, what, there in links if there)
    body = f"{mode}<h1>Paygraph</h1><p>Payments over GraphQL, exactly once. {money}{stripe}</p><ul>{items}</ul>"
    return PAGE.format(title="Paygraph", body=body)


def visited(*, explorer: bool) -> str:
    """Render the page for a browser at /graphql, which is made for programs."""
    links = [("/explorer", "Explorer", "Try it: ready operations, with their answers", explorer)]
    links += [("/", "Paygraph", "What else is here", True)]
    items = "".join(LINK.format(path=path, name=name, what=what) for path, name, what, there in links if there)
    body = (
        "<h1>The API is here</h1><p>Programs send GraphQL to this address: <code>POST</code> with JSON, a bearer token,"
        f" and <code>Accept: application/json</code>. People use the explorer.</p><ul>{items}</ul>"
    )
    return PAGE.format(title="Paygraph's API", body=body)


def not_built() -> str:
    """Render the instructions shown in place of a page before `make web`."""
    body = (
        "<h1>This page is not built yet</h1><p>The API is whole without it. To build the pages, run "
        "<code>make web</code> in the project's folder (Node 20 or newer with npm), and load this page again.</p>"
        "<ul>" + LINK.format(path="/", name="Back", what="To what is there already") + "</ul>"
    )
    return PAGE.format(title="Not built yet", body=body)
