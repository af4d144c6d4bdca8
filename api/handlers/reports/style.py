"""How reports look, on a screen and on A4. The only style there is; the content policy names it by its hash."""

import base64
import hashlib

STYLE = """
@page { size: A4 portrait; margin: 16mm 14mm 18mm; @bottom-right { content: counter(page) " / " counter(pages);
  font: 8pt sans-serif; color: #4a5462; } }
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1.25rem 3rem; background: #fff; color: #17202b;
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { margin: 0 0 .2rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2rem 0 .6rem; padding-bottom: .25rem; border-bottom: 2px solid #1b4f9c; font-size: 1.15rem; }
h3 { margin: 1.1rem 0 .4rem; font-size: .95rem; color: #33404f; }
p { margin: .35rem 0; }
header dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .8rem 0 0;
  font-size: .9rem; }
dt { color: #4a5462; }
dd { margin: 0; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: .7rem; margin: 1.2rem 0 .4rem; padding: 0;
  list-style: none; }
.cards li { border: 1px solid #c9d1da; border-radius: 6px; padding: .6rem .75rem; overflow-wrap: anywhere; }
.cards b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.cards span { font-size: .78rem; color: #4a5462; }
.cards small { display: block; font-size: .72rem; color: #4a5462; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .5rem; border-bottom: 1px solid #dfe4ea; text-align: left; vertical-align: top;
  font-weight: 400; overflow-wrap: break-word; }
thead th { border-bottom: 1.5px solid #7b8694; color: #33404f; font-weight: 600; vertical-align: bottom; }
.n { text-align: right; white-space: nowrap; }
.account { max-width: 30rem; }
.account tr:last-child > * { border-top: 1.5px solid #7b8694; font-weight: 600; }
.heat { table-layout: fixed; }
.heat th, .heat td { padding: .3rem .2rem; text-align: center; border: 1px solid #fff; }
.heat thead th { border-bottom: 1px solid #7b8694; }
.heat td:last-child { font-weight: 600; border-left: 2px solid #7b8694; }
.h0 { background: #f2f4f7; }
.chart { display: block; width: 100%; height: auto; font-family: inherit; }
figure { margin: .2rem 0 .6rem; }
figcaption { margin-left: 3.4rem; font-size: .78rem; color: #33404f; }
.key { display: inline-flex; align-items: center; gap: .3rem; margin-right: 1.1rem; }
.none, .note { color: #4a5462; font-size: .84rem; }
.warn { border: 1px solid #b9770e; border-radius: 6px; padding: .5rem .75rem; background: #fff8e8; }
.definitions dl { columns: 2; column-gap: 2rem; margin: 0; font-size: .78rem; }
.definitions div { break-inside: avoid; margin-bottom: .45rem; }
.definitions dt { color: #17202b; font-weight: 600; }
footer { margin-top: 2rem; border-top: 1px solid #c9d1da; padding-top: .5rem; font-size: .75rem; color: #4a5462; }
@media (max-width: 42rem) {
  .cards { grid-template-columns: repeat(2, 1fr); }
  .definitions dl { columns: 1; }
  .heat { min-width: 40rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h1 { font-size: 19pt; }
  h2 { margin-top: 7mm; font-size: 12.5pt; break-after: avoid; }
  h3 { break-after: avoid; }
  section, .wide { overflow: visible; }
  figure, .cards, .heat, .account, tr { break-inside: avoid; }
  thead { display: table-header-group; }
  table { font-size: 8.2pt; }
  th, td { padding: 1mm 1.5mm; }
  .cards b { font-size: 13pt; }
  .definitions dl { columns: 3; column-gap: 6mm; font-size: 7.3pt; line-height: 1.35; }
}
"""
_COLOURS = {
    "blue-orange": (("#e3edfa", "#bcd6f5", "#8bb8ec", "#5795dd"), ("#fdeee1", "#fbd5b5", "#f5b27c", "#e98b43")),
    "green-red": (("#e4f4e8", "#bfe5c9", "#8fd0a1", "#5cb878"), ("#fde8e6", "#fac6c1", "#f39a92", "#e46e64")),
    "red-green": (("#fde8e6", "#fac6c1", "#f39a92", "#e46e64"), ("#e4f4e8", "#bfe5c9", "#8fd0a1", "#5cb878")),
}
"""Of gains and of losses, the small ones first; dark text is read on all of them."""


def style_of(colours: str) -> str:
    """The whole style, with the colours that a user wants for gains and losses."""
    gains, losses = _COLOURS[colours]
    named = (("g", gains), ("l", losses))
    rules = (
        f".{kind}{depth} {{ background: {shade}; }}" for kind, shades in named for depth, shade in enumerate(shades, 1)
    )
    return STYLE + "\n".join(rules) + "\n"


def policy(style: str) -> str:
    """The content policy of a page with this style and nothing else: no script, no picture, no form, no frame."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
