# SPDX-License-Identifier: Apache-2.0
"""Colours and type: of pictures, in a page or alone, and of the page. Paper is light."""

__all__ = ["COLOURS", "DRAWINGS", "PAGE", "PICTURES"]

_LIGHT = """\
--paper: #fff; --raised: #f6f7f8; --ink: #1d232b; --muted: #5c6670; --rule: #dfe3e7;
--blue: #2767ad; --amber: #b3610e; --green: #23785a; --violet: #7a4f9e; --warn: #b3261e;
--blue-wash: #dbe7f5; --amber-wash: #f7e5cf; --green-wash: #d8eee4; --grey-wash: #e8ebee;"""

_DARK = """\
--paper: #14181d; --raised: #1c2229; --ink: #e4e8ec; --muted: #9aa5b0; --rule: #313a44;
--blue: #72aae8; --amber: #e5a35c; --green: #66bf9a; --violet: #bd96df; --warn: #f2857c;
--blue-wash: #213a56; --amber-wash: #4a3520; --green-wash: #1f4336; --grey-wash: #2a323b;"""

COLOURS = f"""\
:root {{ color-scheme: light dark;
{_LIGHT} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{
{_DARK} }} }}
"""
"""Variables: dark ones where a screen is dark."""

PICTURES = """\
svg { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
svg text { fill: var(--ink); }
svg .small { font-size: 13px; }
svg .muted { fill: var(--muted); }
svg .number { font-variant-numeric: tabular-nums; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .strong { font-weight: 600; }
svg .paper { fill: var(--paper); }
svg .raised { fill: var(--raised); stroke: var(--rule); }
svg .grid { stroke: var(--rule); fill: none; }
svg .axis { stroke: var(--muted); fill: none; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg .dashed { stroke-dasharray: 5 4; }
svg .hollow { fill: var(--paper); stroke-width: 1.8; }
svg .blue { stroke: var(--blue); } svg .amber { stroke: var(--amber); }
svg .green { stroke: var(--green); } svg .violet { stroke: var(--violet); }
svg .grey { stroke: var(--muted); } svg .warn { stroke: var(--warn); }
svg .solid { stroke-width: 1.8; }
svg .solid.blue { fill: var(--blue); } svg .solid.amber { fill: var(--amber); }
svg .solid.green { fill: var(--green); } svg .solid.violet { fill: var(--violet); }
svg .solid.grey { fill: var(--muted); }
svg .wash { stroke-width: 1; }
svg .wash.blue { fill: var(--blue-wash); } svg .wash.amber { fill: var(--amber-wash); }
svg .wash.green { fill: var(--green-wash); } svg .wash.grey { fill: var(--grey-wash); }
svg text.warn { fill: var(--warn); stroke: none; }
"""
"""Of every picture."""

DRAWINGS = """\
svg .label { font-size: 13px; }
svg .fine { font-size: 11px; }
svg .edge { stroke: var(--muted); }
svg .frame { fill: none; stroke: var(--muted); }
svg .way { fill: none; stroke: var(--muted); stroke-width: 1.5; }
svg .way.wide { stroke-width: 3.2; }
svg .way.warn { stroke: var(--warn); }
svg .head { fill: var(--muted); stroke: none; }
svg .mark { fill: var(--warn); }
"""
"""Of block diagrams and time lines."""

PAGE = """\
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 48px 32px 64px; }
header { margin-bottom: 32px; }
h1 { font-size: 30px; line-height: 1.2; font-weight: 650; margin: 0 0 8px; letter-spacing: -.01em;
  overflow-wrap: anywhere; }
h2 { font-size: 20px; font-weight: 650; margin: 0 0 4px; }
h3 { font-size: 15px; font-weight: 600; margin: 0 0 8px; }
p { margin: 0 0 12px; max-width: 74ch; overflow-wrap: anywhere; }
.lead { color: var(--muted); font-size: 17px; margin: 0; max-width: none; }
section { margin-top: 56px; }
section > p { color: var(--muted); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; margin: 0; }
.tile { background: var(--raised); border: 1px solid var(--rule); border-radius: 10px;
  padding: 16px 18px; display: flex; flex-direction: column; }
.tile dt { color: var(--muted); font-size: 14px; }
.tile dd { margin: 0; font-variant-numeric: tabular-nums; }
.tile .value { font-size: 27px; line-height: 1.3; font-weight: 650; }
.tile .value small { font-size: 14px; font-weight: 400; color: var(--muted); }
.tile .other { font-size: 13.5px; color: var(--muted); }
.kind { display: inline-block; font-size: 12px; line-height: 1.5; padding: 0 8px;
  border-radius: 9px; vertical-align: middle; white-space: nowrap; }
.simulated { background: var(--green-wash); color: var(--green); }
.estimated { background: var(--amber-wash); color: var(--amber); }
.counted { background: var(--blue-wash); color: var(--blue); }
.plan { background: var(--grey-wash); color: var(--muted); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 40px; align-items: start; }
.pair > * { min-width: 0; }
.pair > div > h3 { margin-top: 20px; }
figure { margin: 20px 0 0; }
figure svg { display: block; width: 100%; max-width: 640px; height: auto; }
figure.wide svg { max-width: 100%; }
figcaption { font-size: 14px; color: var(--muted); margin-top: 10px; }
figcaption p { max-width: 66ch; margin: 0 0 6px; }
code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }
p code { white-space: nowrap; }
.command { display: block; color: var(--muted); margin: 10px 0 0; padding-left: 1.3em;
  text-indent: -1.3em; font-size: 12.5px; }
.command::before { content: "$ "; }
.command + .command { margin-top: 4px; }
.command span { display: inline-block; max-width: 100%; text-indent: 0; margin-right: .6em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 16px; font-size: 15px;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 7px 16px 7px 0; border-bottom: 1px solid var(--rule);
  vertical-align: baseline; }
th { font-weight: 400; color: var(--muted); }
thead th { font-size: 13.5px; }
.number { text-align: right; }
.data td, .data th { white-space: nowrap; }
td:last-child, th:last-child { padding-right: 0; }
td svg.bar { display: block; width: 100%; min-width: 90px; height: 10px; border-radius: 3px; }
.bar .part.empty { fill: var(--grey-wash); } .bar .part.blue { fill: var(--blue); }
.bar .part.amber { fill: var(--amber); } .bar .part.violet { fill: var(--violet); }
.bar .part { stroke: none; }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin: 0 7px 0 0; }
.key.blue { background: var(--blue); } .key.amber { background: var(--amber); margin-left: 14px; }
.key.violet { background: var(--violet); margin-left: 14px; }
.keys, .note { font-size: 13.5px; color: var(--muted); margin-top: 10px; }
.over { color: var(--warn); font-weight: 600; }
details { margin-top: 12px; font-size: 14px; }
summary { color: var(--muted); cursor: pointer; }
footer { margin-top: 64px; padding-top: 16px; border-top: 1px solid var(--rule);
  color: var(--muted); font-size: 14px; }
@media (max-width: 860px) {
  .pair { grid-template-columns: 1fr; gap: 24px; }
  .tiles { grid-template-columns: 1fr 1fr; }
}
@media (max-width: 520px) {
  main { padding: 28px 18px 40px; }
  h1 { font-size: 24px; }
  section { margin-top: 44px; }
  .tiles { gap: 10px; }
  .tile { padding: 12px 14px; }
  .tile .value { font-size: 22px; }
  .tile .value small { display: block; }
  table { font-size: 14px; }
  th, td { padding-right: 10px; }
}
@media print {
  main { max-width: none; padding: 0; }
  section, figure, .tile, tr { break-inside: avoid; }
  section { margin-top: 32px; }
  .simulated, .estimated, .counted, .plan, .tile, svg { print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }
}
"""
"""Of the page."""
