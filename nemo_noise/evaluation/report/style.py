# SPDX-FileCopyrightText: 2026 The nemo_noise authors
# SPDX-License-Identifier: Apache-2.0
"""The look of the report: one style sheet, light and dark, with no file or font from elsewhere."""

STYLE = """
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b2130; --soft: #5b6475; --line: #e1e5ec; --grid: #e8ebf1;
  --model: #1f66d1; --baseline: #b8641a; --control: #7a52b3; --better: #15803d; --worse: #c2410c;
  --heat: 201, 61, 28; --cold: 21, 110, 190; --on-heat: #ffffff; --missed: #fde2d8; --invented: #dbe8fd;
  --substituted: #12807f; --deleted: #d49a1f; --inserted: #c13d79; }
@media (prefers-color-scheme: dark) { :root {
  --page: #12151c; --card: #1a1f29; --text: #e6e9f0; --soft: #9aa4b6; --line: #2b3240; --grid: #272e3b;
  --model: #6ba6ff; --baseline: #eba05a; --control: #bb9af0; --better: #4ade80; --worse: #fb923c;
  --heat: 245, 117, 72; --cold: 90, 165, 240; --on-heat: #14171f; --missed: #5a2d1c; --invented: #1f3a66;
  --substituted: #36b3ae; --deleted: #e6b84a; --inserted: #ee7fb0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 36px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 10px; }
h3 { font-size: 15px; margin: 0 0 8px; font-weight: 600; }
p { margin: 0 0 10px; max-width: 76ch; }
.soft, .tick, caption, th { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 16px 18px; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 22px 0 18px; } .tile { flex: 1 1 210px; }
.tile b { display: block; font-size: 27px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { display: block; font-size: 13px; color: var(--soft); }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 14px; }
.findings { margin: 0; padding-left: 20px; max-width: 90ch; } .findings li { margin: 4px 0; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 20px; margin: 0 0 10px; font-size: 14px; }
.legend i { display: inline-block; width: 22px; height: 0; border-top: 3px solid; vertical-align: middle;
  margin-right: 7px; }
i.model { color: var(--model); } i.baseline { color: var(--baseline); } i.control { color: var(--control); }
i.control { border-top-style: dashed; }
svg { display: block; width: 100%; height: auto; }
.tick { font-size: 13px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.grid { stroke: var(--grid); } .axis { stroke: var(--soft); }
.curve, .clean { fill: none; stroke-width: 2.4; stroke-linejoin: round; } .clean { stroke-width: 2; }
.curve.model, .clean.model { stroke: var(--model); } .curve.baseline, .clean.baseline { stroke: var(--baseline); }
.curve.control, .clean.control { stroke: var(--control); } .curve.control { stroke-dasharray: 6 5; }
.point { stroke: var(--card); stroke-width: 1.5; }
.point.model, .band.model { fill: var(--model); } .point.baseline, .band.baseline { fill: var(--baseline); }
.point.control, .band.control { fill: var(--control); } .band { opacity: 0.16; } .band.control { opacity: 0.09; }
i.adapted { color: var(--better); } .curve.adapted, .clean.adapted { stroke: var(--better); }
i.stream { border-top-style: dotted; } .curve.stream { stroke-dasharray: 2 4; }
.point.adapted, .band.adapted { fill: var(--better); } .band.adapted { opacity: 0.09; }
.whisker { stroke-width: 2.4; stroke: var(--soft); } .dot { fill: var(--soft); }
.whisker.better { stroke: var(--better); } .dot.better { fill: var(--better); }
.whisker.worse { stroke: var(--worse); } .dot.worse { fill: var(--worse); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { font-weight: 500; text-align: right; padding: 6px 9px; vertical-align: bottom; }
th.name { white-space: nowrap; }
td { text-align: right; padding: 5px 9px; border-top: 1px solid var(--line); white-space: nowrap; }
th.name, td.name { text-align: left; } tr.group td { border-top: 2px solid var(--line); }
table.heat td { border: 2px solid var(--card); border-radius: 6px; text-align: center; min-width: 48px; }
table.heat th { text-align: center; } table.heat th.name { text-align: left; }
td.hot { background: rgba(var(--heat), var(--a)); } td.cool { background: rgba(var(--cold), var(--a)); }
td.strong { color: var(--on-heat); }
.bar { display: flex; width: 130px; height: 11px; border-radius: 3px; overflow: hidden; background: var(--grid); }
.bar i { height: 100%; }
.key i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin: 0 5px 0 12px; }
.s { background: var(--substituted); } .d { background: var(--deleted); } .i { background: var(--inserted); }
td.sub { padding-left: 28px; color: var(--soft); }
.utterance { padding: 10px 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.utterance:first-of-type { border-top: 0; }
.utterance dl { display: grid; grid-template-columns: minmax(70px, max-content) 1fr; gap: 2px 14px; margin: 4px 0 0; }
.utterance dt { color: var(--soft); font-size: 13px; max-width: 26ch; } .utterance dd { margin: 0; }
mark { color: inherit; border-radius: 4px; padding: 0 3px; } mark.missed { background: var(--missed); }
mark.invented { background: var(--invented); }
.below { margin-top: 14px; } .bar.wide { width: 100%; min-width: 70px; }
svg.square { max-width: 380px; } th.over { text-align: center; border-bottom: 1px solid var(--line); }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 10px 30px; }
nav { display: flex; gap: 8px; overflow-x: auto; margin: 24px 0 0; padding-bottom: 4px; }
nav a { color: var(--soft); border: 1px solid var(--line); background: var(--card); border-radius: 16px;
  padding: 3px 12px; font-size: 13.5px; text-decoration: none; white-space: nowrap; }
nav a:hover { color: var(--text); border-color: var(--soft); } h2 { scroll-margin-top: 12px; }
@media (min-width: 700px) { nav { flex-wrap: wrap; } } summary { font-weight: 600; font-size: 14px; }
details.card[open] summary { margin-bottom: 8px; }
.chips { display: flex; flex-wrap: wrap; gap: 6px; max-width: none; margin: 0 0 14px; }
.chip { background: var(--page); border: 1px solid var(--line); border-radius: 14px; padding: 2px 10px;
  font-size: 13.5px; overflow-wrap: anywhere; } .chip i { color: var(--soft); font-style: normal; font-size: 12px; }
.utterance:has(.sound) { display: grid; gap: 4px 26px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); align-items: center; }
.sound { margin: 4px 0; max-width: 560px; } .sound img { display: block; width: 100%; height: 96px;
  border-radius: 8px 8px 0 0; image-rendering: auto; } .sound audio { display: block; width: 100%; height: 36px; }
pre { overflow-x: auto; font-size: 12.5px; line-height: 1.45; margin: 8px 0; }
code { overflow-wrap: anywhere; font-size: 12.5px; } details { margin: 8px 0; } summary { cursor: pointer; }
ul.plain { padding-left: 20px; max-width: 90ch; } footer { margin-top: 40px; font-size: 13px; color: var(--soft); }
@media print { body { background: #fff; } .card { break-inside: avoid; } }
"""
