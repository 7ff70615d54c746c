"""The page around a report: its frame and its style sheet."""

from __future__ import annotations

__all__ = ["PAGE", "STYLE"]

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header><h1>$title</h1><p>$introduction</p></header>
<nav aria-label="Contents"><details><summary>Contents</summary><ol>$contents</ol></details></nav>
<main>
$body
</main>
</body>
</html>
"""

STYLE = """
:root { --ink: #1f2933; --muted: #6b7785; --line: #e4e7eb; --paper: #ffffff; --back: #f5f7fa;
  --accent: #b34a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --muted: #9aa7b4; --line: #39424d;
  --paper: #1b2128; --back: #12161b; --accent: #ff9d4d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 74rem; padding: 1rem; background: var(--back);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h3 { font-size: .95rem; margin: 1.2rem 0 .4rem; }
p { max-width: 46rem; margin: .4rem 0; overflow-wrap: anywhere; }
section, nav { background: var(--paper); border: 1px solid var(--line); border-radius: .5rem;
  padding: 1rem; margin: 1rem 0; }
nav ol { columns: 18rem; margin: .5rem 0 0; padding-left: 1.5rem; }
a { color: var(--accent); }
summary { cursor: pointer; font-weight: 600; }
details { margin: .8rem 0; }
figure { margin: 1rem 0; max-width: 32rem; }
figure svg { display: block; width: 100%; height: auto; }
figure svg { border-radius: .3rem; }
figcaption { color: var(--muted); font-size: .85rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { background: var(--back); font-weight: 600; vertical-align: bottom; }
td:first-child, th:first-child { position: sticky; left: 0; background: var(--paper); }
th:first-child { background: var(--back); }
tr:last-child td { border-bottom: 0; }
tr.muted td { color: var(--muted); }
@media (max-width: 40rem) { section, nav { padding: .8rem; }
  td:first-child, th { white-space: normal; } td:first-child { min-width: 6.5rem; } }
"""
