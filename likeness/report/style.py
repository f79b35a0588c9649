"""The look of the pages: one style sheet, light and dark, readable on a phone, no fonts to load."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;
--page:#f6f6f4;--card:#fff;--ink:#1c1d21;--soft:#5d6069;--line:#e1e1dd;
--accent:#3558c4;--good:#1a7f4b;--bad:#b3362b;--warn:#946200;--grid:#e9e9e5;--band:#8881;
--c0:#3558c4;--c1:#c8611c;--c2:#1f8a5b;--c3:#a63a78;
--c4:#7a6a00;--c5:#5c48b8;--c6:#0f7f8c;--c7:#8a4b2d}
@media (prefers-color-scheme:dark){:root{--page:#131417;--card:#1c1e22;--ink:#e7e8ea;--soft:#9da1aa;
--line:#31343b;--accent:#8ba6ff;--good:#5fd097;--bad:#ff8d80;--warn:#e5b54f;--grid:#2a2d33;
--band:#fff1;--c0:#8ba6ff;--c1:#f5a067;--c2:#62cf9b;--c3:#f08cc4;--c4:#d9c34a;--c5:#b5a3ff;
--c6:#5fcbd8;--c7:#d99a78}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,header>div,nav>div{max-width:1200px;margin:0 auto;padding:0 20px}
header{padding:28px 0 14px}
h1{font-size:26px;line-height:1.2;margin:2px 0 6px;overflow-wrap:anywhere}
h2{font-size:19px;margin:0 0 12px}
h3{font-size:15px;margin:18px 0 6px}
p{margin:6px 0}
a{color:var(--accent)}
.eyebrow{color:var(--soft);font-size:13px;letter-spacing:.04em;margin:0}
.lead,.meta,figcaption,small{color:var(--soft)}
.meta{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center;font-size:14px}
nav{position:sticky;top:0;z-index:1;background:var(--page);border-bottom:1px solid var(--line)}
nav>div{display:flex;gap:18px;overflow-x:auto;scrollbar-width:none;padding-top:8px;padding-bottom:8px;font-size:14px}
nav a{color:var(--soft);text-decoration:none;white-space:nowrap}
nav a:hover{color:var(--accent)}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;
margin:18px 0;scroll-margin-top:46px}
.tiles{display:grid;gap:12px;margin:16px 0 2px;
grid-template-columns:repeat(auto-fit,minmax(180px,1fr))}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.tile b{display:block;font-size:24px;line-height:1.25;font-weight:620;
font-variant-numeric:tabular-nums}
.tile b small{font-size:13px;font-weight:400}
.tile>span{color:var(--soft);font-size:13px;overflow-wrap:anywhere}
.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 8px;
font-size:12px;line-height:18px;color:var(--soft);white-space:nowrap}
.good,.finished{color:var(--good)}.bad,.failed,.error{color:var(--bad)}
.warning,.stopped,.abandoned{color:var(--warn)}.running,.advice{color:var(--accent)}
.error-text{border-left:3px solid var(--bad);padding:6px 12px;margin:10px 0;white-space:pre-wrap;
overflow-wrap:anywhere}
.scroll{overflow-x:auto}
.nowrap,.stages td{white-space:nowrap}
.findings td:nth-child(2){min-width:11em}.findings td:nth-child(n+3){min-width:15em}
.scores td{vertical-align:middle}
.scores small{white-space:nowrap}
table{border-collapse:collapse;min-width:55%;font-size:14px}
th{text-align:left;font-weight:500;color:var(--soft);white-space:nowrap}
th,td{padding:5px 22px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td .badge{margin-right:4px}
code,pre,.key{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:13px}
code,.key{overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--page);border-radius:6px;
padding:10px 12px;margin:8px 0;max-height:420px;overflow:auto}
dl{display:grid;gap:2px 28px;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));margin:8px 0}
dl div{display:flex;gap:10px;border-bottom:1px solid var(--line);padding:4px 0;min-width:0}
dt{color:var(--soft);flex:0 0 128px}dd{margin:0;min-width:0;overflow-wrap:anywhere}
details{border-top:1px solid var(--line);padding:8px 0}
details details{border:0;padding:2px 0 2px 14px}
summary{cursor:pointer;font-weight:500}
summary small{font-weight:400}
.charts{display:grid;gap:18px 22px;grid-template-columns:repeat(auto-fill,minmax(330px,1fr))}
.chart{margin:0;min-width:0}
.chart.wide{grid-column:1/-1}
.chart svg,svg.spark{display:block;width:100%;height:auto;overflow:visible}
.chart figcaption{font-size:13.5px;display:flex;flex-wrap:wrap;gap:2px 12px;color:var(--ink)}
.chart figcaption i{font-style:normal;color:var(--soft);white-space:nowrap;font-size:12.5px}
.chart figcaption i::before{content:"";display:inline-block;width:14px;margin-right:5px;
vertical-align:middle;border-top:3px solid var(--k)}
.chart figcaption .d1::before{border-top-style:dashed}
.chart figcaption .d2::before{border-top-style:dotted}
svg text{font:11px system-ui,sans-serif;fill:var(--soft)}
svg .grid{stroke:var(--grid);stroke-width:1}
svg .band{fill:var(--band)}
svg .line{fill:none;stroke:var(--k);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
svg .d1 .line{stroke-dasharray:6 3}svg .d2 .line{stroke-dasharray:1.5 3.5}
svg .raw{fill:none;stroke:var(--k);stroke-width:1;opacity:.28}
svg .dot{fill:var(--k)}
svg .hit{fill:transparent}svg .hit:hover{fill:var(--k)}
svg.spark{width:110px;height:26px;display:inline-block;vertical-align:middle}
svg .rule{stroke:var(--soft);stroke-width:1;stroke-dasharray:3 3}
.timeline{display:flex;border-radius:6px;overflow:hidden;font-size:12.5px;margin:4px 0 12px}
.timeline div{padding:5px 8px;color:#fff;background:var(--k);min-width:0;overflow:hidden;
text-overflow:ellipsis;white-space:nowrap;text-shadow:0 0 3px #0008}
.gallery{display:grid;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(100%,260px),1fr))}
.gallery .span{grid-column:1/-1}
.gallery.large{grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr))}
figure{margin:0;min-width:0}
figure img,figure video{display:block;max-width:100%;height:auto;border-radius:6px;
background:var(--page)}
figure audio{width:100%}
figcaption{font-size:13px;padding-top:4px;overflow-wrap:anywhere}
.card{color:inherit;text-decoration:none;display:block}
footer{color:var(--soft);font-size:13px;padding:6px 0 40px}
@media (max-width:640px){main,header>div,nav>div{padding-left:12px;padding-right:12px}
section{padding:14px 12px}h1{font-size:22px}dl{grid-template-columns:1fr}
.charts{grid-template-columns:1fr}.chart.wide{overflow-x:auto}.chart.wide svg{min-width:620px}
.tiles{grid-template-columns:1fr 1fr}.tile b{font-size:20px}}
@media print{nav{display:none}section{break-inside:avoid;border:0;padding:0}}
"""
